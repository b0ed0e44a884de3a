// Two columns: what it is, and how much.
import { Card, Table, Title } from "@mantine/core";

interface Props {
  title: string;
  rows: [string, string | number | boolean][];
}

export function NameValueTable({ title, rows }: Props) {
  return (
    <Card withBorder>
      <Title order={2} fz="h4" mb="xs">
        {title}
      </Title>
      <Table striped verticalSpacing={4}>
        <Table.Tbody>
          {rows.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Td>{name}</Table.Td>
              <Table.Td className="fs-value">{String(value)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}
