/** What the tests share: an app whose output names no account, and packages that take the place of the built ones. */

import * as fs from 'fs';
import * as path from 'path';
import { App, DefaultStackSynthesizer, Stack } from 'aws-cdk-lib';
import { Crossdock, CrossdockProps } from 'crossdock-cdk';

export const PACKAGE = path.join(__dirname, '..');

type Json = any;

/** A transformed template as infra/checks writes it. */
export function transformed(name: string): Json {
  return json(path.join(PACKAGE, 'templates', `${name}.json`));
}

export function json(file: string): Json {
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

/** Logical ids of the child stacks. */
export const CHILDREN: string[] = Object.entries<Json>(transformed('root').Resources)
  .filter(([, resource]) => resource.Type === 'AWS::CloudFormation::Stack')
  .map(([id]) => id);

/** The templates' functions, as (child, logical id, name). */
export const FUNCTIONS = CHILDREN.flatMap((child) =>
  Object.entries<Json>(transformed(child).Resources)
    .filter(([, resource]) => resource.Type === 'AWS::Lambda::Function')
    .map(([id, resource]) => ({ child, id, name: resource.Metadata.BuildProperties.Binary as string })),
);

let own: string | undefined;

/** An empty folder, which is removed when the tests end. */
export function scratch(): string {
  if (!own) {
    fs.mkdirSync(path.join(PACKAGE, 'cdk.out'), { recursive: true });
    const made = fs.mkdtempSync(path.join(PACKAGE, 'cdk.out', 'test-'));
    process.on('exit', () => fs.rmSync(made, { recursive: true }));
    own = made;
  }
  return fs.mkdtempSync(path.join(own, 'folder-'));
}

/** A folder with a package for each function; each has other bytes, so that assets cannot be mixed up unseen. */
export function packages(): string {
  const folder = scratch();
  for (const { name } of FUNCTIONS) {
    fs.mkdirSync(path.join(folder, name));
    fs.writeFileSync(path.join(folder, name, 'bootstrap.zip'), `package of ${name}`);
  }
  return folder;
}

/** An app that writes into a scratch folder. infra/checks lints the templates, so that the CDK need not. */
export function app(): App {
  return new App({ analyticsReporting: false, builtinCloudFormationValidation: false, treeMetadata: false, outdir: scratch() });
}

/** A stack without the bootstrap rule, which belongs to the account and not to the templates. */
export function stackIn(scope: App): Stack {
  return new Stack(scope, 'Test', {
    synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false, fileAssetsBucketName: 'packages', qualifier: 'test' }),
  });
}

/** The synthesized templates by the logical id of the child, and `root`; and the file of each asset by its S3 key. */
export function synthesized(
  props: Partial<CrossdockProps> = {},
  use?: (crossdock: Crossdock, stack: Stack) => void,
  propsOf?: (stack: Stack) => Partial<CrossdockProps>,
) {
  const scope = app();
  const stack = stackIn(scope);
  const crossdock = new Crossdock(stack, 'Crossdock', { packages: packages(), ...props, ...propsOf?.(stack) });
  use?.(crossdock, stack);
  const assembly = scope.synth();
  const root = json(path.join(assembly.directory, 'Test.template.json'));
  const assets = json(path.join(assembly.directory, 'Test.assets.json')).files;
  const files: Record<string, Json> = { root };
  const sources: Record<string, string> = {};
  for (const [digest, asset] of Object.entries<Json>(assets)) {
    const file = path.resolve(assembly.directory, asset.source.path);
    sources[Object.values<Json>(asset.destinations)[0].objectKey] = file;
    for (const child of CHILDREN) {
      if (JSON.stringify(root.Resources[child].Properties.TemplateURL).includes(digest)) files[child] = json(file);
    }
  }
  return { files, sources };
}
