/** What the tests are told from outside. */

export function environment(name: string, otherwise?: string): string {
  const value = process.env[name] ?? otherwise;
  if (value === undefined)
    throw new Error(`${name} is not set: run the tests with \`cargo xtask portal test\``);
  return value;
}
