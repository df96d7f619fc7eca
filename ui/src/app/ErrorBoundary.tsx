import { Alert, Button } from "antd";
import { Component, type ReactNode } from "react";
import { useText } from "../i18n/Language";

interface State {
  error: Error | null;
}

/** Says that the portal itself failed, in place of an empty page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render() {
    return this.state.error === null ? this.props.children : <Failure error={this.state.error} />;
  }
}

function Failure({ error }: { error: Error }) {
  const text = useText();
  return (
    <Alert
      type="error"
      showIcon
      title={text.errors.unexpected}
      description={error.message}
      action={<Button onClick={() => location.reload()}>{text.actions.reload}</Button>}
    />
  );
}
