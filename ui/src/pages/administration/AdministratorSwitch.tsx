import { App, Switch } from "antd";
import { setSystemAdministrator, type User } from "../../api/users";
import { useText } from "../../i18n/Language";

interface Properties {
  user: User;
  disabled: boolean;
  onDone: () => void;
}

/** Whether somebody has the rights over the whole registry. */
export function AdministratorSwitch({ user, disabled, onDone }: Properties) {
  const text = useText();
  const { message } = App.useApp();
  const name = user.username;
  const change = async (isAdministrator: boolean) => {
    try {
      await setSystemAdministrator(user.user_id, isAdministrator);
      message.success(isAdministrator ? text.users.nowAdministrator(name) : text.users.nowOrdinary(name));
    } catch (failure) {
      message.error(failure instanceof Error ? failure.message : String(failure));
    }
    onDone();
  };
  return (
    <Switch
      aria-label={text.users.makeAdministrator(name)}
      checked={user.sysadmin_flag === true}
      disabled={disabled}
      onChange={change}
    />
  );
}
