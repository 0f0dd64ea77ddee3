// Checks the description of the events with AsyncAPI's own parser, references to the schemas included. Prints each error with its place.
//
//     node asyncapi.mjs FOLDER DESCRIPTION      FOLDER has node_modules with @asyncapi/parser

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [folder, file] = process.argv.slice(2);
const { Parser } = createRequire(join(resolve(folder), 'package.json'))('@asyncapi/parser');
// References are resolved beside the file.
const { document, diagnostics } = await new Parser().parse(readFileSync(file, 'utf8'), { source: resolve(file) });
const errors = diagnostics.filter(({ severity }) => severity === 0);
for (const { code, message, path } of errors) {
  console.error(`${file}: ${path.join('.')}: ${message} (${code})`);
}
if (!document || errors.length > 0) {
  process.exit(1);
}
console.log(`${file}: AsyncAPI ${document.version()}, ${document.channels().all().length} channels, no error`);
