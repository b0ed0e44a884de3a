// Range, right edge, step and stacking of a graph.
import { ActionIcon, Button, Group, NumberInput, SegmentedControl, TextInput, Tooltip } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconMinus, IconPlus } from "@tabler/icons-react";
import { useEffect, useState } from "react";

import { formatDuration, parseDuration } from "../format/duration";
import { formatTime } from "../format/time";
import { type PanelState, stepSeconds } from "./panelState";

/** What the plus and minus buttons walk through. */
const ranges = ["1m", "5m", "15m", "30m", "1h", "2h", "6h", "12h", "1d", "2d", "1w", "2w", "4w", "8w", "1y"].map((text) => parseDuration(text) ?? 0);

interface Props {
  panel: PanelState;
  onChange: (change: Partial<PanelState>) => void;
}

export function GraphControls({ panel, onChange }: Props) {
  const [text, setText] = useState(formatDuration(panel.rangeMs));
  useEffect(() => setText(formatDuration(panel.rangeMs)), [panel.rangeMs]);
  const typed = parseDuration(text);
  const wrong = typed === null || typed <= 0;
  const take = () => (wrong ? setText(formatDuration(panel.rangeMs)) : onChange({ rangeMs: typed }));
  const shorter = [...ranges].reverse().find((ms) => ms < panel.rangeMs);
  const longer = ranges.find((ms) => ms > panel.rangeMs);
  const end = panel.endMs ?? Date.now();
  return (
    <Group gap="xs" align="center">
      <Group gap={2}>
        <Tooltip label="Shorter range">
          <ActionIcon variant="default" size="lg" disabled={!shorter} aria-label="Shorter range" onClick={() => shorter && onChange({ rangeMs: shorter })}>
            <IconMinus size={16} />
          </ActionIcon>
        </Tooltip>
        <TextInput
          w={90}
          aria-label="Range"
          value={text}
          error={wrong}
          onChange={(e) => setText(e.currentTarget.value)}
          onBlur={take}
          onKeyDown={(e) => e.key === "Enter" && take()}
        />
        <Tooltip label="Longer range">
          <ActionIcon variant="default" size="lg" disabled={!longer} aria-label="Longer range" onClick={() => longer && onChange({ rangeMs: longer })}>
            <IconPlus size={16} />
          </ActionIcon>
        </Tooltip>
      </Group>
      <Group gap={2}>
        <Tooltip label="Back by half the range">
          <ActionIcon variant="default" size="lg" aria-label="Earlier" onClick={() => onChange({ endMs: end - panel.rangeMs / 2 })}>
            <IconChevronLeft size={16} />
          </ActionIcon>
        </Tooltip>
        <Button variant="default" fw={400} onClick={() => onChange({ endMs: null })} aria-label="Until now">
          {panel.endMs === null ? "until now" : formatTime(panel.endMs)}
        </Button>
        <Tooltip label="Forward by half the range">
          <ActionIcon
            variant="default"
            size="lg"
            aria-label="Later"
            disabled={panel.endMs === null}
            onClick={() => onChange({ endMs: end + panel.rangeMs / 2 >= Date.now() ? null : end + panel.rangeMs / 2 })}
          >
            <IconChevronRight size={16} />
          </ActionIcon>
        </Tooltip>
      </Group>
      <NumberInput
        w={130}
        aria-label="Step in seconds"
        placeholder={`step: ${stepSeconds(panel)} s`}
        value={panel.stepSeconds ?? ""}
        min={0.001}
        suffix=" s"
        onChange={(value) => onChange({ stepSeconds: typeof value === "number" && value > 0 ? value : null })}
      />
      <SegmentedControl
        aria-label="Lines or stacked"
        data={[
          { label: "Lines", value: "lines" },
          { label: "Stacked", value: "stacked" },
        ]}
        value={panel.stacked ? "stacked" : "lines"}
        onChange={(value) => onChange({ stacked: value === "stacked" })}
      />
    </Group>
  );
}
