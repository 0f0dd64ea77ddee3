/** The transformed templates that this package brings along, and what their parameters allow. */

import * as fs from 'fs';
import * as path from 'path';
import { Token, Tokenization } from 'aws-cdk-lib';

/** Made by `npm run templates`; in the package, beside the compiled code. */
export const FOLDER = path.join(__dirname, '..', 'templates');

export interface Parameter {
  Type: string;
  Description: string;
  Default?: string | number;
  AllowedValues?: Array<string | number>;
  AllowedPattern?: string;
  MinLength?: number;
  MaxLength?: number;
  MinValue?: number;
  MaxValue?: number;
}

interface Resource {
  Type: string;
  Metadata?: { BuildProperties?: { Binary?: string } };
}

export interface Template {
  Parameters: { [name: string]: Parameter };
  Resources: { [name: string]: Resource };
}

export function fileOf(name: string): string {
  return path.join(FOLDER, `${name}.json`);
}

/** A template by the logical id of its stack in the root, or `root`. */
export function read(name: string): Template {
  return JSON.parse(fs.readFileSync(fileOf(name), 'utf8'));
}

export function idsOf(template: Template, type: string): string[] {
  return Object.keys(template.Resources).filter((id) => template.Resources[id].Type === type);
}

export function eventTypes(): string[] {
  return JSON.parse(fs.readFileSync(path.join(FOLDER, 'events.json'), 'utf8'));
}

/**
 * The values that are set, as CloudFormation takes them. CfnInclude puts a value in the place of its parameter, so that
 * CloudFormation does not check it any more: a value that is known now is checked here.
 */
export function checked(root: Template, values: { [parameter: string]: string | number | undefined }) {
  const texts: { [parameter: string]: string } = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const problem = Token.isUnresolved(value) ? undefined : problemOf(root.Parameters[name], value);
    if (problem) throw new Error(`${name} is ${JSON.stringify(value)}, but ${problem}`);
    texts[name] = typeof value === 'number' ? Tokenization.stringifyNumber(value) : value;
  }
  return texts;
}

function problemOf(rule: Parameter, value: string | number): string | undefined {
  const text = `${value}`;
  if (rule.AllowedValues && !rule.AllowedValues.map(String).includes(text)) {
    return `must be one of ${rule.AllowedValues.join(', ')}`;
  }
  if (rule.AllowedPattern && !new RegExp(`^(?:${rule.AllowedPattern})$`).test(text)) {
    return `must match ${rule.AllowedPattern}`;
  }
  if (text.length < (rule.MinLength ?? 0) || text.length > (rule.MaxLength ?? Infinity)) {
    return `must have ${rule.MinLength ?? 0} to ${rule.MaxLength ?? 'any number of'} characters`;
  }
  if (Number(value) < (rule.MinValue ?? -Infinity) || Number(value) > (rule.MaxValue ?? Infinity)) {
    return `must be ${rule.MinValue ?? 'anything'} to ${rule.MaxValue ?? 'anything'}`;
  }
  return undefined;
}
