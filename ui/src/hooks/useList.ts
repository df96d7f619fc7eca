/** A list that is read page by page; page, search and order stand in the address, so that "back" finds them again. */

import { useCallback, useEffect } from "react";
import { useSearchParams } from "wouter";
import type { Page, PageRequest } from "../api/http";
import { useLoad } from "./useLoad";

export const PAGE_SIZES = [15, 30, 50, 100];
const DEFAULT_PAGE_SIZE = 15;

export interface List<T> {
  items: T[];
  total: number;
  request: PageRequest;
  /** Whether something has been read yet. */
  ready: boolean;
  loading: boolean;
  error: unknown;
  reload: () => void;
  /** Asks for another part of the list. */
  ask: (change: Partial<PageRequest>) => void;
}

/** Reads the page that the address asks for. `key` names the list. */
export function useList<T>(
  key: string,
  load: (request: PageRequest, signal: AbortSignal) => Promise<Page<T>>,
  defaultSort?: string,
): List<T> {
  const [parameters, setParameters] = useSearchParams();
  const request = readRequest(parameters, defaultSort);
  const loaded = useLoad(`${key} ${JSON.stringify(request)}`, (signal) => load(request, signal));
  const ask = useCallback(
    (change: Partial<PageRequest>) => {
      setParameters((before) => writeRequest({ ...readRequest(before, undefined), ...change }), {
        replace: true,
      });
    },
    [setParameters],
  );

  // The last object of the last page was deleted: go to the page before.
  const beyondEnd = !loaded.loading && loaded.data?.items.length === 0 && request.page > 1;
  useEffect(() => {
    if (beyondEnd) ask({ page: request.page - 1 });
  }, [beyondEnd, ask, request.page]);

  return {
    items: loaded.data?.items ?? [],
    total: loaded.data?.total ?? 0,
    request,
    ready: loaded.data !== undefined,
    loading: loaded.loading,
    error: loaded.error,
    reload: loaded.reload,
    ask,
  };
}

function readRequest(parameters: URLSearchParams, defaultSort: string | undefined): PageRequest {
  const sort = parameters.get("sort") ?? defaultSort;
  const search = parameters.get("search");
  return {
    page: positive(parameters.get("page")) ?? 1,
    page_size: positive(parameters.get("page_size")) ?? DEFAULT_PAGE_SIZE,
    ...(sort && { sort }),
    ...(search && { search }),
  };
}

function writeRequest(request: PageRequest): URLSearchParams {
  const parameters = new URLSearchParams();
  if (request.page > 1) parameters.set("page", String(request.page));
  if (request.page_size !== DEFAULT_PAGE_SIZE) parameters.set("page_size", String(request.page_size));
  if (request.sort) parameters.set("sort", request.sort);
  if (request.search) parameters.set("search", request.search);
  return parameters;
}

function positive(text: string | null): number | undefined {
  const number = Number(text);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
