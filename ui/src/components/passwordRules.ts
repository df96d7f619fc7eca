/** What a new password has to be like, told before the registry is asked. */

import type { FormRule } from "antd";
import type { Messages } from "../i18n/en";

const STRONG = /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{8,128}$/s;

/** The rules of a field for a new password. */
export function passwordRules(text: Messages, label: string): FormRule[] {
  return [
    { required: true, message: text.fields.required(label) },
    { pattern: STRONG, message: text.fields.invalid(label) },
  ];
}

/** The rules of the field that repeats it; `field` is the name of the first. */
export function repetitionRules(text: Messages, field: string): FormRule[] {
  return [
    ({ getFieldValue }) => ({
      validator: (_, value: unknown) =>
        value === getFieldValue(field) ? Promise.resolve() : Promise.reject(new Error(text.account.notEqual)),
    }),
  ];
}
