import * as fs from 'fs';
import * as path from 'path';
import { Stack } from 'aws-cdk-lib';
import { CfnApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Alarm, CfnAlarm, IAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnTable, ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { CfnEventBus, EventBus, IEventBus, IRuleTarget, Rule } from 'aws-cdk-lib/aws-events';
import { CfnKey, Key } from 'aws-cdk-lib/aws-kms';
import { CfnFunction, Function, IFunction } from 'aws-cdk-lib/aws-lambda';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { CfnQueue, IQueue, Queue } from 'aws-cdk-lib/aws-sqs';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';
import { CrossdockProps, parameterValues } from './props';
import * as templates from './templates';

/** The source of all events on the bus. */
const SOURCE = 'crossdock';

/**
 * One deployment of Crossdock: infra/template.yaml in the stack that it is put into, its child stacks as nested stacks.
 *
 * The templates stay as they are, but for the places of the packages and of the child templates. Logical ids are those
 * of the templates, so that a stack holds one Crossdock.
 */
export class Crossdock extends Construct {
  /** The bus of all events. */
  public readonly bus: IEventBus;
  /** Root of the HTTP API; webhooks go to `<apiUrl>/v1/webhooks/<partner id>`. */
  public readonly apiUrl: string;
  /** The included templates, for what has no accessor. */
  public readonly template: CfnInclude;

  private readonly parameters: { [parameter: string]: string | number | undefined };
  private readonly functions = new Map<string, CfnFunction>();
  private readonly alarmResources: CfnAlarm[] = [];

  constructor(scope: Construct, id: string, props: CrossdockProps) {
    super(scope, id);
    const root = templates.read('root');
    const children = templates.idsOf(root, 'AWS::CloudFormation::Stack');
    this.parameters = parameterValues(props);
    this.template = new CfnInclude(this, 'Template', {
      templateFile: templates.fileOf('root'),
      parameters: templates.checked(root, this.parameters),
      loadNestedStacks: Object.fromEntries(children.map((child) => [child, { templateFile: templates.fileOf(child) }])),
    });
    for (const child of children) {
      this.readChild(child, props.packages);
    }

    const bus = this.template.getResource('Bus') as CfnEventBus;
    this.bus = EventBus.fromEventBusAttributes(this, 'Bus', {
      eventBusArn: bus.attrArn,
      eventBusName: bus.ref,
      eventBusPolicy: '',
    });
    this.apiUrl = (this.template.getResource('Api') as CfnApi).attrApiEndpoint;
  }

  /** Every alarm of the deployment. */
  public get alarms(): IAlarm[] {
    return this.alarmResources.map((alarm) => this.once(alarm.node.id, (id) => Alarm.fromAlarmArn(this, id, alarm.attrArn)));
  }

  /**
   * A table, such as `journal`, `views` or `partner-health`; the restored one where a prop names it.
   *
   * Read it; only the functions may write it. Other systems should use the API and the events instead.
   */
  public table(name: string): ITable {
    const id = `${pascal(name)}Table`;
    const known = templates.idsOf(templates.read('root'), CfnTable.CFN_RESOURCE_TYPE_NAME);
    if (!known.includes(id)) throw unknown('table', id, known);
    const resource = this.template.getResource(id) as CfnTable;
    const restored = this.parameters[`Restored${id}`] as string | undefined;
    const arn = restored ? Stack.of(this).formatArn({ service: 'dynamodb', resource: 'table', resourceName: restored }) : resource.attrArn;
    const stream = restored ? (this.parameters[`Restored${id}StreamArn`] as string | undefined) : resource.attrStreamArn;
    return this.once(id, () =>
      Table.fromTableAttributes(this, id, {
        tableArn: arn,
        tableStreamArn: resource.streamSpecification ? stream : undefined,
        encryptionKey: name === 'parties' ? this.partiesKey() : undefined,
        grantIndexPermissions: true,
      }),
    );
  }

  /** A function by its name in the repository, such as `order-price`. */
  public function(name: string): IFunction {
    const resource = this.functionResource(name);
    return this.once(`Function ${name}`, (id) =>
      Function.fromFunctionAttributes(this, id, { functionArn: resource.attrArn, sameEnvironment: true }),
    );
  }

  /** The dead-letter queue of a function, such as `order-price`. */
  public deadLetterQueue(name: string): IQueue {
    const own = this.functionResource(name);
    const resource = own.node.scope?.node.tryFindChild(`${own.node.id}Dlq`);
    if (!(resource instanceof CfnQueue)) throw new Error(`${name} has no dead-letter queue`);
    return this.once(`DeadLetterQueue ${name}`, (id) =>
      Queue.fromQueueAttributes(this, id, { queueArn: resource.attrArn, queueUrl: resource.ref }),
    );
  }

  /**
   * The rule for one type of event, such as `order.invoiced`, with this target added.
   *
   * One rule serves all targets of a type; EventBridge takes five of them.
   */
  public onEvent(eventType: string, target?: IRuleTarget): Rule {
    const known = templates.eventTypes();
    if (!known.includes(eventType)) throw unknown('event', eventType, known);
    const rule = this.once(`On ${eventType}`, (id) =>
      new Rule(this, id, { eventBus: this.bus, eventPattern: { source: [SOURCE], detailType: [eventType] } }),
    );
    rule.addTarget(target);
    return rule;
  }

  /** Gives a child's functions their packages, and notes what the accessors need. */
  private readChild(child: string, packages: string) {
    const { includedTemplate, stack } = this.template.getNestedStack(child);
    const template = templates.read(child);
    for (const id of templates.idsOf(template, CfnFunction.CFN_RESOURCE_TYPE_NAME)) {
      const name = template.Resources[id].Metadata?.BuildProperties?.Binary;
      if (!name) throw new Error(`${child}.${id} does not name its binary`);
      const file = path.join(packages, name, 'bootstrap.zip');
      if (!fs.existsSync(file)) throw new Error(`there is no ${file}: build the packages with \`cargo xtask package\``);
      const asset = new Asset(stack, `${id}Package`, { path: file });
      const resource = includedTemplate.getResource(id) as CfnFunction;
      resource.code = { s3Bucket: asset.s3BucketName, s3Key: asset.s3ObjectKey };
      this.functions.set(name, resource);
    }
    for (const id of templates.idsOf(template, CfnAlarm.CFN_RESOURCE_TYPE_NAME)) {
      this.alarmResources.push(includedTemplate.getResource(id) as CfnAlarm);
    }
  }

  private functionResource(name: string): CfnFunction {
    const resource = this.functions.get(name);
    if (!resource) throw unknown('function', name, [...this.functions.keys()].sort());
    return resource;
  }

  private partiesKey() {
    const key = this.template.getResource('PartiesKey') as CfnKey;
    return this.once('PartiesKey', (id) => Key.fromKeyArn(this, id, key.attrArn));
  }

  /** The construct with this id; it is made at the first use, so that an unused accessor leaves the templates unchanged. */
  private once<T extends Construct>(id: string, make: (id: string) => T): T {
    return (this.node.tryFindChild(id) as T | undefined) ?? make(id);
  }
}

function pascal(name: string): string {
  return name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function unknown(kind: string, name: string, known: string[]): Error {
  return new Error(`there is no ${kind} ${name}; there are: ${known.join(', ')}`);
}
