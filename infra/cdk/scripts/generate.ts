/**
 * generate.ts           writes templates/events.json from the names of the event schemas
 * generate.ts --props   writes src/props.ts, too, from the root template's parameters; a test refuses an outdated one
 */

import * as fs from 'fs';
import * as path from 'path';
import { FOLDER, Parameter, read } from '../src/templates';

const PACKAGE = path.join(__dirname, '..');

/** The prop of a parameter: its name, its TypeScript type, and its value as an expression over `props`. */
export function propOf(parameter: string, about: Parameter) {
  const name = parameter[0].toLowerCase() + parameter.slice(1);
  if (name.endsWith('TopicArn')) {
    const topic = name.slice(0, -'Arn'.length);
    return { name: topic, type: 'ITopic', value: `props.${topic}?.topicArn` };
  }
  const numeric = about.Type === 'Number' || about.AllowedValues?.every((value) => /^\d+$/.test(`${value}`));
  return { name, type: numeric ? 'number' : 'string', value: `props.${name}` };
}

/** The text of src/props.ts for these parameters. */
export function propsFile(parameters: Record<string, Parameter>): string {
  const known = Object.entries(parameters).map(([parameter, about]) => ({ parameter, about, ...propOf(parameter, about) }));
  const members = known.map(({ about, name, type }) => {
    const allowed = about.AllowedValues ? [`One of ${about.AllowedValues.join(', ')}.`] : [];
    const byDefault = about.Default === undefined ? 'none, so that the deployment must set it' : JSON.stringify(about.Default);
    const text = [about.Description, ...allowed, '', `@default - a parameter of the stack; its default: ${byDefault}`];
    return `  /**\n${text.map((line) => `   * ${line}`.trimEnd()).join('\n')}\n   */\n  readonly ${name}?: ${type};\n`;
  });
  const values = known.map(({ parameter, value }) => `    ${parameter}: ${value},\n`);
  return `// Generated from infra/template.yaml by scripts/generate.ts: \`npm run props\`.

import { ITopic } from 'aws-cdk-lib/aws-sns';

/** Where the packages are, and a prop for each parameter of infra/template.yaml. */
export interface CrossdockProps {
  /** Folder with \`<function>/bootstrap.zip\` for each function, as \`cargo xtask package\` makes it. */
  readonly packages: string;

${members.join('\n')}}

/** The values of the template's parameters; undefined for a prop that was left out. */
export function parameterValues(props: CrossdockProps): { [parameter: string]: string | number | undefined } {
  return {
${values.join('')}  };
}
`;
}

/** The types of all events on the bus. */
function events(): string[] {
  const schemas = fs.readdirSync(path.join(PACKAGE, '../../events/schemas'));
  return schemas.filter((file) => /^\w+\.\w+\.json$/.test(file)).map((file) => path.basename(file, '.json')).sort();
}

if (require.main === module) {
  fs.writeFileSync(path.join(FOLDER, 'events.json'), JSON.stringify(events(), null, 2) + '\n');
  if (process.argv.includes('--props')) {
    fs.writeFileSync(path.join(PACKAGE, 'src/props.ts'), propsFile(read('root').Parameters));
  }
}
