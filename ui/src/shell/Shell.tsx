// The frame of every page: the bar with its ways, the scheme switch, and the routes.
import { ActionIcon, AppShell, Burger, Group, Menu, Text, Tooltip, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown, IconDeviceDesktop, IconMoon, IconSun } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Navigate, NavLink, Route, Routes } from "react-router";

import { QueryPage } from "../query/QueryPage";
import { AlertsPage } from "../rules/AlertsPage";
import { RulesPage } from "../rules/RulesPage";
import { ConfigPage } from "../status/ConfigPage";
import { FlagsPage } from "../status/FlagsPage";
import { RuntimePage } from "../status/RuntimePage";
import { TsdbPage } from "../status/TsdbPage";
import { TargetsPage } from "../targets/TargetsPage";
import { RejectedConfig } from "./RejectedConfig";

const statusPages: [string, string][] = [
  ["/status", "Runtime and build"],
  ["/tsdb-status", "TSDB status"],
  ["/flags", "Command-line flags"],
  ["/config", "Configuration"],
];

export function Shell() {
  const [open, { toggle, close }] = useDisclosure(false);
  const ways = (
    <>
      <Way to="/query" onClick={close}>
        Query
      </Way>
      <Way to="/alerts" onClick={close}>
        Alerts
      </Way>
      <Way to="/rules" onClick={close}>
        Rules
      </Way>
      <Way to="/targets" onClick={close}>
        Targets
      </Way>
      <Menu position="bottom-start" withArrow>
        <Menu.Target>
          <UnstyledButton px="sm" py={6} fz="sm" fw={500}>
            <Group gap={4}>
              Status <IconChevronDown size={14} aria-hidden />
            </Group>
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          {statusPages.map(([to, name]) => (
            <Menu.Item key={to} component={NavLink} to={to} onClick={close}>
              {name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </>
  );
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 220, breakpoint: "sm", collapsed: { desktop: true, mobile: !open } }} padding="md">
      <AppShell.Header>
        <Group h="100%" px="md" gap="lg" wrap="nowrap">
          <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
          <UnstyledButton component={NavLink} to="/query">
            <Group gap={8} wrap="nowrap">
              <img src="./favicon.svg" width={26} height={26} alt="" />
              <Text fw={700} fz="lg">
                Firesteel
              </Text>
            </Group>
          </UnstyledButton>
          <Group gap={2} visibleFrom="sm" component="nav" aria-label="Pages">
            {ways}
          </Group>
          <Group ml="auto">
            <SchemeSwitch />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm">{ways}</AppShell.Navbar>
      <AppShell.Main>
        <RejectedConfig />
        <Routes>
          <Route path="/" element={<Navigate to="/query" replace />} />
          <Route path="/graph" element={<Navigate to="/query" replace />} />
          <Route path="/query" element={<QueryPage />} />
          <Route path="/alerts" element={<AlertsPage />} />
          <Route path="/rules" element={<RulesPage />} />
          <Route path="/targets" element={<TargetsPage />} />
          <Route path="/status" element={<RuntimePage />} />
          <Route path="/tsdb-status" element={<TsdbPage />} />
          <Route path="/flags" element={<FlagsPage />} />
          <Route path="/config" element={<ConfigPage />} />
          <Route path="*" element={<Text>There is no such page.</Text>} />
        </Routes>
      </AppShell.Main>
    </AppShell>
  );
}

function Way({ to, onClick, children }: { to: string; onClick: () => void; children: ReactNode }) {
  return (
    <UnstyledButton
      component={NavLink}
      to={to}
      onClick={onClick}
      px="sm"
      py={6}
      fz="sm"
      fw={500}
      style={({ isActive }: { isActive: boolean }) => ({
        borderRadius: "var(--mantine-radius-md)",
        background: isActive ? "var(--mantine-primary-color-light)" : undefined,
        color: isActive ? "var(--mantine-primary-color-light-color)" : undefined,
      })}
    >
      {children}
    </UnstyledButton>
  );
}

/** Light, dark, or as the system says: one button that goes round. */
function SchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const next = colorScheme === "light" ? "dark" : colorScheme === "dark" ? "auto" : "light";
  const Icon = colorScheme === "light" ? IconSun : colorScheme === "dark" ? IconMoon : IconDeviceDesktop;
  return (
    <Tooltip label={`Colours: ${colorScheme}; switch to ${next}`}>
      <ActionIcon variant="default" size="lg" onClick={() => setColorScheme(next)} aria-label={`Switch colours to ${next}`}>
        <Icon size={18} />
      </ActionIcon>
    </Tooltip>
  );
}
