/**
 * `FileSystem` beside `NodeFileSystem`: what files hold, whole, through an open file, and as streams.
 */
import { contract } from "../support/claims.js"
import { claimEach } from "../support/fileSystemBeside.js"
import { ofContents } from "../support/fileSystemCases.js"

contract("FileSystem, contents", ({ claim }) => claimEach(claim, ofContents))
