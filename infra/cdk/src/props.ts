// Generated from infra/template.yaml by scripts/generate.ts: `npm run props`.

import { ITopic } from 'aws-cdk-lib/aws-sns';

/** Where the packages are, and a prop for each parameter of infra/template.yaml. */
export interface CrossdockProps {
  /** Folder with `<function>/bootstrap.zip` for each function, as `cargo xtask package` makes it. */
  readonly packages: string;

  /**
   * Names of functions, queues, rules, logs and the bus begin with it. Choose one for each environment, such as crossdock-prod; in one account and region none may be the beginning of another.
   *
   * @default - a parameter of the stack; its default: none, so that the deployment must set it
   */
  readonly namePrefix?: string;

  /**
   * "aws", or "local" for the emulator, which lacks event archives and key policies and whose partners are simulators on loopback. Nothing else differs between the two.
   * One of aws, local.
   *
   * @default - a parameter of the stack; its default: "aws"
   */
  readonly platform?: string;

  /**
   * Processor of the functions. The local stack runs the binaries of the machine it is on.
   * One of arm64, x86_64.
   *
   * @default - a parameter of the stack; its default: "arm64"
   */
  readonly architecture?: string;

  /**
   * Longest run of a function, in seconds. A queue hides a message for six times as long, so that with a short one the work of a killed process comes back soon. 10 suits partners that answer in seconds.
   * One of 3, 5, 10, 15, 20, 29.
   *
   * @default - a parameter of the stack; its default: "10"
   */
  readonly functionTimeoutSeconds?: number;

  /**
   * Most instances of one step at a time. Lambda allows no less than 2.
   * One of 2, 4, 10, 20, 50, 100, 200, 500, 1000.
   *
   * @default - a parameter of the stack; its default: "10"
   */
  readonly stepConcurrency?: number;

  /**
   * Instances that only webhook-receive, order-create and change-create have, each of them this many; 0 reserves none. A reservation is also the most that the function gets, and the account's other functions share what is left.
   *
   * @default - a parameter of the stack; its default: 0
   */
  readonly intakeReservedConcurrency?: number;

  /**
   * Instances that only token-authorize has, as IntakeReservedConcurrency; 0 reserves none.
   *
   * @default - a parameter of the stack; its default: 0
   */
  readonly authorizerReservedConcurrency?: number;

  /**
   * Instances that only journal-relay and delivery-relay have, each of them this many; 0 reserves none. A relay uses two for each shard of its stream, of which a new table has up to four.
   *
   * @default - a parameter of the stack; its default: 0
   */
  readonly relayReservedConcurrency?: number;

  /**
   * How long work that may wait is collected before its function runs, in seconds: lists, updates of the CRM, sums of fulfillments, goods issues, invoices, watches. One run for several messages costs less than one for each, and the CRM is called less often. What an order waits for (price to release, requests to warehouses) is never held back. 0 for none.
   *
   * @default - a parameter of the stack; its default: 10
   */
  readonly batchingSeconds?: number;

  /**
   * What the functions log, in the syntax of RUST_LOG.
   *
   * @default - a parameter of the stack; its default: "info"
   */
  readonly logLevel?: string;

  /**
   * How long logs are kept, in days.
   * One of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731.
   *
   * @default - a parameter of the stack; its default: 30
   */
  readonly logRetentionDays?: number;

  /**
   * Age of a step's oldest message that rings its alarm, in seconds.
   *
   * @default - a parameter of the stack; its default: 300
   */
  readonly queueAgeAlarmSeconds?: number;

  /**
   * SNS topic that alarms notify. With none, an alarm only changes its state.
   *
   * @default - a parameter of the stack; its default: ""
   */
  readonly alarmTopic?: ITopic;

  /**
   * Secrets Manager names begin with it: <prefix>/partner/<role>/<partner id> (tokens that we send; the role is crm, erp or warehouse), <prefix>/webhook/<partner id> (what a partner signs its webhooks with) and <prefix>/api/tokens. They are created outside this template. With none, the prefix is NamePrefix, so that no two deployments share a secret.
   *
   * @default - a parameter of the stack; its default: ""
   */
  readonly secretsPrefix?: string;

  /**
   * Part of every event id. After the journal was restored to a point in time, count it up and say when it began, such as 2@2026-03-02T10:00:00Z: what was ordered before counts as possibly done at partners.
   *
   * @default - a parameter of the stack; its default: "1"
   */
  readonly journalEpoch?: string;

  /**
   * How long the bus keeps its events for replay, in days.
   *
   * @default - a parameter of the stack; its default: 30
   */
  readonly archiveDays?: number;

  /**
   * Requests per second that the API takes before it answers 429.
   *
   * @default - a parameter of the stack; its default: 200
   */
  readonly apiRequestsPerSecond?: number;

  /**
   * Requests that the API takes at once before it answers 429.
   *
   * @default - a parameter of the stack; its default: 400
   */
  readonly apiBurst?: number;

  /**
   * "yes" adds the sender's IP address to the API's access log. It may be personal data: then LogRetentionDays is how long it is kept.
   * One of no, yes.
   *
   * @default - a parameter of the stack; its default: "no"
   */
  readonly logSourceAddresses?: string;
}

/** The values of the template's parameters; undefined for a prop that was left out. */
export function parameterValues(props: CrossdockProps): { [parameter: string]: string | number | undefined } {
  return {
    NamePrefix: props.namePrefix,
    Platform: props.platform,
    Architecture: props.architecture,
    FunctionTimeoutSeconds: props.functionTimeoutSeconds,
    StepConcurrency: props.stepConcurrency,
    IntakeReservedConcurrency: props.intakeReservedConcurrency,
    AuthorizerReservedConcurrency: props.authorizerReservedConcurrency,
    RelayReservedConcurrency: props.relayReservedConcurrency,
    BatchingSeconds: props.batchingSeconds,
    LogLevel: props.logLevel,
    LogRetentionDays: props.logRetentionDays,
    QueueAgeAlarmSeconds: props.queueAgeAlarmSeconds,
    AlarmTopicArn: props.alarmTopic?.topicArn,
    SecretsPrefix: props.secretsPrefix,
    JournalEpoch: props.journalEpoch,
    ArchiveDays: props.archiveDays,
    ApiRequestsPerSecond: props.apiRequestsPerSecond,
    ApiBurst: props.apiBurst,
    LogSourceAddresses: props.logSourceAddresses,
  };
}
