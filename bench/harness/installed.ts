// Which version of a peer is installed.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Unavailable } from './errors.ts';

const require = createRequire(import.meta.url);

/** @throws Unavailable when the package is not installed. */
export function installedVersion(name: string): string {
  // Not by resolving NAME/package.json: many packages do not export it.
  const folders = require.resolve.paths(name) ?? [];
  const manifest = folders.map((folder) => `${folder}/${name}/package.json`).find((path) => existsSync(path));
  if (!manifest) throw new Unavailable(`${name} is not installed`);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }; // every package has a version
  return version;
}
