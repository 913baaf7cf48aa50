// "예시": what the demo wrote, or a rule set shipped as an example, says so wherever it stands.
import { useWords } from "../i18n/use";

export function Example({ is }: { is: boolean }) {
  const { t } = useWords();
  return is ? <span className="example">{t("example")}</span> : null;
}
