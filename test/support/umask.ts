/**
 * The permission bits that tests expect are those of umask 022, whichever the user has. Tests of another umask set
 * their own.
 */
process.umask(0o022)
