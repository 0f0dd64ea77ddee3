/** Findings of cdk-nag's AwsSolutions that we accept, each with the reason. nag.test.ts refuses any other, and any row that is not needed. */

export interface Accepted {
  readonly rule: string;
  readonly kind: string;
  /** For rules with one finding for each permission: what the finding has to look like. */
  readonly finding?: RegExp;
  readonly reason: string;
}

export const ACCEPTED: Accepted[] = [
  {
    rule: 'AwsSolutions-APIG4',
    kind: 'AWS::ApiGatewayV2::Route',
    reason:
      'The webhooks\' route has no authorizer, because a webhook is authorized by the signature over its body, and an authorizer does not see the body. webhook-receive verifies it before anything else.',
  },
  {
    rule: 'AwsSolutions-IAM5',
    kind: 'AWS::IAM::Role',
    finding:
      /^Resource::arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:<SecretsPrefix>\/partner\/(crm|erp|warehouse)\/\*$/,
    reason:
      'Partners are rows of the registry, not parts of the template: a step that calls a partner may read the token of each one that has the role it calls (CRM, ERP or warehouse), below this deployment\'s own prefix, and no other secret.',
  },
  {
    rule: 'AwsSolutions-IAM5',
    kind: 'AWS::IAM::Role',
    finding: /^Resource::arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:<SecretsPrefix>\/webhook\/\*$/,
    reason:
      'Any partner of the registry may send webhooks: webhook-receive, and no other function, may read what each one signs them with. It cannot read a token.',
  },
  {
    rule: 'AwsSolutions-SQS3',
    kind: 'AWS::SQS::Queue',
    reason:
      'They are dead-letter queues themselves, of the functions that read streams. The rule knows a dead-letter queue by another queue\'s redrive policy only, and a stream reader has no queue.',
  },
];
