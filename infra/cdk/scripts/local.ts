/**
 * Synthesizes the construct for the local stack, without an account: local.ts PACKAGES PARAMETERS BUCKET FOLDER
 *
 * PARAMETERS is a JSON file with values for the root's parameters. infra/local/deploy_cdk.py runs this.
 */

import * as fs from 'fs';
import { App, DefaultStackSynthesizer, Stack } from 'aws-cdk-lib';
import { Crossdock } from 'crossdock-cdk';
import { read } from '../src/templates';
import { propOf } from './generate';

const [packages, parametersFile, bucket, outdir] = process.argv.slice(2);
const parameters: Record<string, string> = JSON.parse(fs.readFileSync(parametersFile, 'utf8'));
const declared = read('root').Parameters;
const props = Object.entries(parameters).map(([name, value]) => {
  const { name: prop, type } = propOf(name, declared[name]);
  return [prop, type === 'number' ? Number(value) : value];
});

const app = new App({ analyticsReporting: false, builtinCloudFormationValidation: false, treeMetadata: false, outdir });
const synthesizer = new DefaultStackSynthesizer({
  generateBootstrapVersionRule: false,
  fileAssetsBucketName: bucket,
  qualifier: 'local',
});
new Crossdock(new Stack(app, 'Local', { synthesizer }), 'Crossdock', { packages, ...Object.fromEntries(props) });
app.synth();
