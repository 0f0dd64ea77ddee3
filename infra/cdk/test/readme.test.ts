/** README.md shows the example, and the example works. tsc compiles it before. */

import * as assert from 'node:assert/strict';
import * as fs from 'fs';
import * as path from 'path';
import { test } from 'node:test';
import { CHILDREN, json, PACKAGE, packages, scratch } from './support';

const README = fs.readFileSync(path.join(PACKAGE, 'README.md'), 'utf8');

test('the example app is examples/app.ts, and deploys alarms and a rule of its own beside the templates', () => {
  assert.ok(README.includes(`\`\`\`ts\n${fs.readFileSync(path.join(PACKAGE, 'examples/app.ts'), 'utf8')}\`\`\``));
  process.env.CDK_OUTDIR = scratch();
  process.env.CROSSDOCK_PACKAGES = packages();
  require('../examples/app');
  const { Resources } = json(path.join(process.env.CDK_OUTDIR, 'CrossdockProd.template.json'));
  const [topic] = Object.keys(Resources).filter((id) => Resources[id].Type === 'AWS::SNS::Topic');
  for (const child of CHILDREN) {
    assert.deepEqual(Resources[child].Properties.Parameters.AlarmTopicArn, { Ref: topic });
  }
  const rules: any[] = Object.values<any>(Resources).filter(({ Type }) => Type === 'AWS::Events::Rule');
  assert.deepEqual(rules.map(({ Properties }) => Properties.EventPattern['detail-type']), [['order.invoiced']]);
});

test('README.md has every accessor', () => {
  const source = fs.readFileSync(path.join(PACKAGE, 'src/crossdock.ts'), 'utf8');
  const members = [...source.matchAll(/^ {2}public (?:readonly |get )?(\w+)/gm)].map((found) => found[1]);
  assert.ok(members.length >= 8, members.join());
  assert.deepEqual(members.filter((name) => !README.includes(`\`${name}`)), []);
});
