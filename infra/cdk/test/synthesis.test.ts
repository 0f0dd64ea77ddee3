/** The construct wraps the templates: what comes out is what went in. */

import * as assert from 'node:assert/strict';
import * as fs from 'fs';
import * as path from 'path';
import { test } from 'node:test';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { propOf, propsFile } from '../scripts/generate';
import { parameterValues } from '../src/props';
import { CHILDREN, FUNCTIONS, PACKAGE, synthesized, transformed } from './support';

test('the default synthesis is the transformed templates, but for the places of assets', () => {
  const { files, sources } = synthesized();
  assert.deepEqual(Object.keys(files).sort(), [...CHILDREN, 'root'].sort());
  for (const [name, template] of Object.entries(files)) {
    const expected = transformed(name);
    // A set, which CDK writes as a sorted list.
    for (const resource of Object.values<any>(expected.Resources)) {
      if (resource.DependsOn) resource.DependsOn = [resource.DependsOn].flat().sort();
    }
    for (const { id, name: binary } of FUNCTIONS.filter(({ child }) => child === name)) {
      const { S3Key } = template.Resources[id].Properties.Code;
      assert.equal(fs.readFileSync(sources[S3Key], 'utf8'), `package of ${binary}`);
      expected.Resources[id].Properties.Code = { S3Bucket: 'packages', S3Key };
    }
    for (const child of name === 'root' ? CHILDREN : []) {
      expected.Resources[child].Properties.TemplateURL = template.Resources[child].Properties.TemplateURL;
    }
    assert.deepEqual(template, expected, name);
  }
});

test('src/props.ts is what the generator makes of the root template', () => {
  assert.equal(fs.readFileSync(path.join(PACKAGE, 'src/props.ts'), 'utf8'), propsFile(transformed('root').Parameters));
});

test('every parameter has exactly one prop, and every prop but packages one parameter', () => {
  const parameters = transformed('root').Parameters;
  const props = Object.keys(parameters).map((name) => propOf(name, parameters[name]).name);
  assert.equal(new Set(props).size, props.length);
  const text = fs.readFileSync(path.join(PACKAGE, 'src/props.ts'), 'utf8');
  const declared = [...text.matchAll(/^ {2}readonly (\w+)/gm)].map((found) => found[1]);
  assert.deepEqual(declared, ['packages', ...props]);
  for (const [name, about] of Object.entries<any>(parameters)) {
    const { name: prop, type } = propOf(name, about);
    const value = type === 'number' ? 7 : 'seven';
    const given = type === 'ITopic' ? { topicArn: value } : value;
    const set = Object.entries(parameterValues({ packages: '', [prop]: given })).filter(([, found]) => found !== undefined);
    assert.deepEqual(set, [[name, value]]);
  }
});

const TOPIC = 'arn:aws:sns:eu-west-1:111122223333:alarms';
const EVERY_PROP = {
  namePrefix: 'crossdock-prod',
  platform: 'local',
  architecture: 'x86_64',
  functionTimeoutSeconds: 20,
  stepConcurrency: 50,
  intakeReservedConcurrency: 20,
  authorizerReservedConcurrency: 10,
  relayReservedConcurrency: 8,
  batchingSeconds: 5,
  logLevel: 'debug',
  logRetentionDays: 90,
  queueAgeAlarmSeconds: 600,
  secretsPrefix: 'company',
  journalEpoch: '2@2026-03-02T10:00:00Z',
  archiveDays: 60,
  apiRequestsPerSecond: 20,
  apiBurst: 40,
  logSourceAddresses: 'yes',
};

test('a prop takes the place of its parameter, in the root and in what it passes to a child', () => {
  const { files } = synthesized(EVERY_PROP, undefined, (stack) => ({ alarmTopic: Topic.fromTopicArn(stack, 'Topic', TOPIC) }));
  const { Parameters, Resources, Outputs, Conditions } = files.root;
  assert.equal(Parameters, undefined);
  assert.deepEqual(Conditions.OnAws, { 'Fn::Equals': ['local', 'aws'] });
  assert.equal(Resources.Bus.Properties.Name, 'crossdock-prod');
  assert.equal(Resources.ApiLogs.Properties.RetentionInDays, 90);
  assert.equal(Resources.ApiLogs.Properties.LogGroupName['Fn::Sub'] ?? Resources.ApiLogs.Properties.LogGroupName, '/aws/vendedlogs/crossdock-prod-api');
  assert.equal(Resources.ApiStage.Properties.DefaultRouteSettings.ThrottlingBurstLimit, 40);
  assert.deepEqual(Outputs.SecretsPrefix.Value, { 'Fn::If': ['HasSecretsPrefix', 'company', 'crossdock-prod'] });
  assert.deepEqual(Conditions.HasSecretsPrefix, { 'Fn::Not': [{ 'Fn::Equals': ['company', ''] }] });
  for (const child of CHILDREN) {
    const passed = Resources[child].Properties.Parameters;
    assert.equal(passed.NamePrefix, 'crossdock-prod');
    assert.equal(passed.StepConcurrency, '50');
    assert.equal(passed.RelayReservedConcurrency, '8');
    assert.equal(passed.LogRetentionDays, '90');
    assert.equal(passed.AlarmTopicArn, TOPIC);
  }
});

test('a value that CloudFormation would refuse is refused at synthesis', () => {
  const refused = (props: object, expected: RegExp) => assert.throws(() => synthesized(props), expected);
  refused({ stepConcurrency: 3 }, /StepConcurrency is 3, but must be one of 2, 4, 10/);
  refused({ namePrefix: 'Crossdock' }, /NamePrefix is "Crossdock", but must match/);
  refused({ namePrefix: 'a'.repeat(41) }, /must have 2 to 40 characters/);
  refused({ archiveDays: 0 }, /ArchiveDays is 0, but must be 1 to anything/);
});

test('a missing package is named with the way to get it', () => {
  assert.throws(() => synthesized({ packages: '/nowhere' }), /there is no \/nowhere\/[\w-]+\/bootstrap.zip: .*cargo xtask package/);
});
