/** AwsSolutions of cdk-nag has no finding without a written reason. */

import * as assert from 'node:assert/strict';
import { test } from 'node:test';
import { Aspects } from 'aws-cdk-lib';
import { AwsSolutionsChecks, INagLogger, NagLoggerBaseData, NagLoggerErrorData, NagLoggerNonComplianceData } from 'cdk-nag';
import { Crossdock } from 'crossdock-cdk';
import { ACCEPTED } from './nag';
import { app, packages, stackIn } from './support';

/** Takes findings from cdk-nag directly: its suppressions would be written into the templates. */
class Findings implements INagLogger {
  public passed = 0;
  public readonly found: Array<{ rule: string; kind: string; finding: string; path: string }> = [];

  public onCompliance() {
    this.passed += 1;
  }

  public onNonCompliance(data: NagLoggerNonComplianceData) {
    this.note(data, data.findingId);
  }

  public onError(data: NagLoggerErrorData) {
    this.note(data, `not checked: ${data.errorMessage}`);
  }

  public onSuppressed() {
    assert.fail('a template holds a suppression of cdk-nag');
  }

  public onSuppressedError() {
    assert.fail('a template holds a suppression of cdk-nag');
  }

  public onNotApplicable() {}

  private note({ ruleId, resource }: NagLoggerBaseData, finding: string) {
    this.found.push({ rule: ruleId, kind: resource.cfnResourceType, finding, path: resource.node.path });
  }
}

test('every finding of AwsSolutions has a reason, and every reason a finding', () => {
  const scope = app();
  new Crossdock(stackIn(scope), 'Crossdock', { packages: packages() });
  const findings = new Findings();
  Aspects.of(scope).add(new AwsSolutionsChecks({ reports: false, additionalLoggers: [findings] }));
  scope.synth();

  const reasonsOf = ({ rule, kind, finding }: (typeof findings.found)[number]) =>
    ACCEPTED.filter((row) => row.rule === rule && row.kind === kind && (row.finding ?? /^(?!not checked)/).test(finding));
  assert.deepEqual(findings.found.filter((found) => reasonsOf(found).length !== 1), []);
  assert.deepEqual(ACCEPTED.filter((row) => !findings.found.some((found) => reasonsOf(found).includes(row))), []);
  assert.ok(findings.passed > 150, `${findings.passed} checks passed`);
});
