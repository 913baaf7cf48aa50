// A page that breaks says so in its place; the frame, the kill switch and the other pages stay.
import { Component, type ReactNode } from "react";
import { useWords } from "../i18n/use";
import { Say } from "../ui/States";

function Broken({ again }: { again: () => void }) {
  const { t } = useWords();
  return (
    <Say
      title={t("error.broken_page")}
      actions={
        <button type="button" className="btn" onClick={again}>
          {t("action.again")}
        </button>
      }
    >
      {t("error.broken_page_text")}
    </Say>
  );
}

export class Boundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  componentDidCatch(error: unknown) {
    console.error(error);
  }

  render() {
    return this.state.broken ? <Broken again={() => this.setState({ broken: false })} /> : this.props.children;
  }
}
