import { resetPassword, type User } from "../../api/users";
import { FormDialog } from "../../components/FormDialog";
import { NewPasswordFields } from "../../components/NewPasswordFields";
import { useText } from "../../i18n/Language";

export function ResetPassword({ user, onClose }: { user: User; onClose: () => void }) {
  const text = useText();
  return (
    <FormDialog<{ password: string }>
      title={text.users.resetPasswordOf(user.username)}
      firstField="password"
      confirm={text.actions.save}
      submit={({ password }) => resetPassword(user.user_id, password)}
      done={() => text.users.passwordReset(user.username)}
      onClose={onClose}
      onDone={onClose}
    >
      <NewPasswordFields />
    </FormDialog>
  );
}
