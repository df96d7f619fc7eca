import { formatAge, formatTime, readTime } from "../i18n/format";
import { useLocale, useText } from "../i18n/Language";

/** How long ago something was; the exact time shows when it is pointed at. */
export function When({ time }: { time: string | undefined }) {
  const text = useText();
  const locale = useLocale();
  const date = readTime(time);
  if (date === null) return text.values.never;
  return (
    <time className="nowrap" dateTime={date.toISOString()} title={formatTime(date, locale)}>
      {formatAge(date, new Date(), locale)}
    </time>
  );
}

/** A point in time, written out. */
export function ExactTime({ time }: { time: string | undefined }) {
  const text = useText();
  const locale = useLocale();
  const date = readTime(time);
  if (date === null) return text.values.never;
  return <time dateTime={date.toISOString()}>{formatTime(date, locale)}</time>;
}
