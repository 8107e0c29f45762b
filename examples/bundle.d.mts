/** Bundles a program, named from the project's root, into one file. */
export declare const bundle: (entry: string, outfile: string) => Promise<unknown>
