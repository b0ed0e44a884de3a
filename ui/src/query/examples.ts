// First questions for a newcomer; they answer as soon as host metrics are scraped.
export const examples: { name: string; expr: string; stacked?: boolean }[] = [
  { name: "CPU of this machine", expr: 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[30s]))', stacked: true },
  { name: "Memory in use", expr: "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes" },
  { name: "Network received", expr: 'rate(node_network_receive_bytes_total{device!="lo"}[30s])' },
  { name: "Disk writes", expr: "rate(node_disk_written_bytes_total[30s])" },
  { name: "Targets up", expr: "up" },
  { name: "Scrape duration", expr: "scrape_duration_seconds" },
];
