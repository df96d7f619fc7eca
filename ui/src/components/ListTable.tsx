import { ReloadOutlined } from "@ant-design/icons";
import { Button, Empty, Flex, Table, type TableColumnsType, Tooltip } from "antd";
import type { ReactNode } from "react";
import { type List, PAGE_SIZES } from "../hooks/useList";
import { useText } from "../i18n/Language";
import { ErrorAlert } from "./ErrorAlert";
import { SearchField } from "./SearchField";

interface Properties<T> {
  /** What the table holds, for screen readers. */
  label: string;
  list: List<T>;
  columns: TableColumnsType<T>;
  rowKey: keyof T & string;
  /** Shown when there is nothing at all. */
  empty: string;
  /** Without it there is nothing to search. */
  searchPlaceholder?: string;
  /** What can be done with the list. */
  actions?: ReactNode;
}

/** A list that is read page by page, with its search field. */
export function ListTable<T extends object>(properties: Properties<T>) {
  const { label, list, columns, rowKey, empty, searchPlaceholder, actions } = properties;
  const text = useText();
  const { page, page_size, search, sort } = list.request;
  return (
    <Flex vertical gap="middle">
      <Flex justify="space-between" gap="small" wrap>
        {searchPlaceholder === undefined ? (
          <span />
        ) : (
          <SearchField
            value={search ?? ""}
            placeholder={searchPlaceholder}
            onSearch={(value) => list.ask({ search: value, page: 1 })}
          />
        )}
        <Flex gap="small">
          <Tooltip title={text.actions.reload}>
            <Button icon={<ReloadOutlined />} aria-label={text.actions.reload} onClick={list.reload} />
          </Tooltip>
          {actions}
        </Flex>
      </Flex>
      <ErrorAlert error={list.error} onRetry={list.reload} />
      <Table<T>
        aria-label={label}
        rowKey={rowKey}
        columns={columns.map((column) => ({ ...column, ...sortOrder(column, sort) }))}
        dataSource={list.items}
        loading={list.loading && { delay: 150 }}
        size="middle"
        scroll={{ x: "max-content" }}
        locale={{
          emptyText: (
            <Empty
              image={Empty.PRESENTED_IMAGE_SIMPLE}
              description={
                <span className="quiet">
                  {list.ready && (search ? text.list.emptySearch(search) : empty)}
                </span>
              }
            />
          ),
        }}
        pagination={{
          current: page,
          pageSize: page_size,
          total: list.total,
          pageSizeOptions: PAGE_SIZES,
          showSizeChanger: list.total > (PAGE_SIZES[0] ?? 0),
          showTotal: (total) => text.list.total(total),
          hideOnSinglePage: false,
        }}
        onChange={(pagination, _filters, sorter, { action }) => {
          if (action === "sort" && !Array.isArray(sorter)) {
            const direction = sorter.order === "descend" ? "-" : "";
            list.ask({ page: 1, sort: sorter.order ? `${direction}${String(sorter.columnKey)}` : "" });
          } else {
            list.ask({ page: pagination.current ?? 1, page_size: pagination.pageSize ?? page_size });
          }
        }}
      />
    </Flex>
  );
}

/** Which way the list is sorted by this column. The key of a column that sorts is the field's name in the API. */
function sortOrder<T>(column: TableColumnsType<T>[number], sort: string | undefined) {
  if (!("sorter" in column) || !column.sorter) return {};
  const key = String(column.key);
  const order = sort === key ? ("ascend" as const) : sort === `-${key}` ? ("descend" as const) : null;
  return { sortOrder: order };
}
