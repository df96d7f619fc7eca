import { Flex, Spin } from "antd";
import type { ReactNode } from "react";
import type { Loaded } from "../hooks/useLoad";
import { ErrorAlert } from "./ErrorAlert";

interface Properties<T> {
  from: Loaded<T>;
  children: (data: T) => ReactNode;
}

/** Shows what was read, and until then that it is being read, or why it could not be. */
export function Loading<T>({ from, children }: Properties<T>) {
  return (
    <>
      <ErrorAlert error={from.error} onRetry={from.reload} />
      {from.data !== undefined && children(from.data)}
      {from.data === undefined && from.loading && (
        <Flex justify="center" className="spacious">
          <Spin delay={150} />
        </Flex>
      )}
    </>
  );
}
