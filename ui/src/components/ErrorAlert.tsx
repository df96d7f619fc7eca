import { Alert, Button } from "antd";
import { ApiError } from "../api/http";
import { useText } from "../i18n/Language";

interface Properties {
  error: unknown;
  onRetry?: (() => void) | undefined;
}

/** Says what failed, in the registry's words. Shows nothing when nothing did. */
export function ErrorAlert({ error, onRetry }: Properties) {
  const text = useText();
  if (error === undefined || error === null) return null;
  const noAnswer = error instanceof ApiError && error.status === 0;
  return (
    <Alert
      type="error"
      showIcon
      title={noAnswer ? text.errors.noAnswer : text.errors.failed}
      description={<ErrorText error={error} />}
      action={onRetry && <Button onClick={onRetry}>{text.actions.tryAgain}</Button>}
    />
  );
}

function ErrorText({ error }: { error: unknown }) {
  const text = useText();
  if (error instanceof ApiError && error.code !== "") return text.errors.withCode(error.message, error.code);
  return error instanceof Error ? error.message : String(error);
}
