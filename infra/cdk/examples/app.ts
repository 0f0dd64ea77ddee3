import { App, Stack } from 'aws-cdk-lib';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Crossdock } from 'crossdock-cdk';

const app = new App();
const stack = new Stack(app, 'CrossdockProd', {
  stackName: 'crossdock-prod',
  tags: { application: 'crossdock', environment: 'production' },
  terminationProtection: true,
});

const crossdock = new Crossdock(stack, 'Crossdock', {
  packages: process.env.CROSSDOCK_PACKAGES ?? 'target/packages/arm64',
  namePrefix: 'crossdock-prod',
  stepConcurrency: 20,
  logRetentionDays: 90,
  alarmTopic: new Topic(stack, 'Alarms'),
});

// A system of your own that books what was invoiced.
const bookkeeping = new Queue(stack, 'Bookkeeping');
crossdock.onEvent('order.invoiced', new SqsQueue(bookkeeping));

app.synth();
