/** The accessors point at what the templates make, and what uses them deploys after it. */

import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { CfnOutput } from 'aws-cdk-lib';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { CHILDREN, FUNCTIONS, synthesized, transformed } from './support';

const ofType = (template: any, type: string): any[] => Object.values<any>(template.Resources).filter((found) => found.Type === type);

test('bus and apiUrl are those of the root', () => {
  const { files } = synthesized({}, (crossdock, stack) => {
    new CfnOutput(stack, 'Url', { value: crossdock.apiUrl });
    new CfnOutput(stack, 'BusArn', { value: crossdock.bus.eventBusArn });
  });
  assert.deepEqual(files.root.Outputs.Url.Value, { 'Fn::GetAtt': ['Api', 'ApiEndpoint'] });
  assert.deepEqual(files.root.Outputs.BusArn.Value, { 'Fn::GetAtt': ['Bus', 'Arn'] });
});

test('onEvent makes one rule for each type of event and adds the targets', () => {
  const { files } = synthesized({}, (crossdock, stack) => {
    const first = crossdock.onEvent('order.invoiced', new SqsQueue(new Queue(stack, 'First')));
    assert.equal(crossdock.onEvent('order.invoiced', new SqsQueue(new Queue(stack, 'Second'))), first);
  });
  const [rule, ...more] = ofType(files.root, 'AWS::Events::Rule');
  assert.deepEqual(more, []);
  assert.deepEqual(rule.Properties.EventBusName, { Ref: 'Bus' });
  assert.deepEqual(rule.Properties.EventPattern, { source: ['crossdock'], 'detail-type': ['order.invoiced'] });
  assert.equal(rule.Properties.Targets.length, 2);
});

test('a table is granted with its indexes, and personal data with its key', () => {
  const { files } = synthesized({}, (crossdock, stack) => {
    const role = new Role(stack, 'Reader', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    for (const name of ['journal', 'deliveries', 'parties', 'views', 'due', 'registry', 'partner-health']) {
      assert.equal(crossdock.table(name), crossdock.table(name));
    }
    crossdock.table('views').grantReadData(role);
    crossdock.table('parties').grantReadData(role);
  });
  const [policy] = ofType(files.root, 'AWS::IAM::Policy');
  const text = JSON.stringify(policy);
  assert.match(text, /\{"Fn::GetAtt":\["ViewsTable","Arn"\]\},"\/index\/\*"/);
  assert.match(text, /"kms:Decrypt".*\{"Fn::GetAtt":\["PartiesKey","Arn"\]\}/);
});

test('every function and its dead-letter queue is found by its name, through an output of its stack', () => {
  const queues = FUNCTIONS.filter(({ child, id }) => transformed(child).Resources[`${id}Dlq`]);
  assert.ok(queues.length > 15, `${queues.length} dead-letter queues`);
  const { files } = synthesized({}, (crossdock, stack) => {
    for (const { name } of FUNCTIONS) new CfnOutput(stack, `F ${name}`, { value: crossdock.function(name).functionArn });
    for (const { name } of queues) new CfnOutput(stack, `Q ${name}`, { value: crossdock.deadLetterQueue(name).queueArn });
  });
  const valueOf = (output: string): any => {
    const [child, path] = files.root.Outputs[output.replace(/[^A-Za-z]/g, '')].Value['Fn::GetAtt'];
    return files[child].Outputs[path.replace('Outputs.', '')].Value;
  };
  for (const { id, name } of FUNCTIONS) assert.deepEqual(valueOf(`F ${name}`), { 'Fn::GetAtt': [id, 'Arn'] });
  for (const { id, name } of queues) assert.deepEqual(valueOf(`Q ${name}`), { 'Fn::GetAtt': [`${id}Dlq`, 'Arn'] });
});

test('alarms are all alarms of all stacks, each once', () => {
  const expected = CHILDREN.flatMap((child) => ofType(transformed(child), 'AWS::CloudWatch::Alarm')).length;
  synthesized({}, (crossdock) => {
    assert.equal(new Set(crossdock.alarms).size, expected);
    assert.deepEqual(crossdock.alarms, crossdock.alarms);
  });
  assert.ok(expected > 40, `${expected} alarms`);
});

test('an unknown name is answered with the known ones', () => {
  synthesized({}, (crossdock) => {
    assert.throws(() => crossdock.table('orders'), /no table OrdersTable; there are: JournalTable, /);
    assert.throws(() => crossdock.function('order-prise'), /no function order-prise; there are: .*order-price/);
    assert.throws(() => crossdock.deadLetterQueue('token-authorize'), /token-authorize has no dead-letter queue/);
    assert.throws(() => crossdock.onEvent('order.invoicd'), /no event order.invoicd; there are: .*order.invoiced/);
  });
});
