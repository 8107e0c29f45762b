/** One line for each difference between two trees. */
export declare const differences: (source: string, copy: string) => Array<string>
