#include "bench/table_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace cycloid {
namespace {

constexpr std::string_view kNone = "–";

// Columns that a UTF-8 text takes, as far as code points go.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(std::string_view text, std::size_t width, bool right) {
  const std::string spaces(width - std::min(width, width_of(text)), ' ');
  return right ? spaces + std::string(text) : std::string(text) + spaces;
}

std::string number(const std::optional<double>& us) { return us ? format_us(*us) : std::string(kNone); }

std::string with_interval(const std::optional<Ratio>& value) {
  if (!value) return std::string(kNone);
  if (!value->low || !value->high) return fmt::format("{:.2f}", value->ratio);
  return fmt::format("{:.2f} ({:.2f}–{:.2f})", value->ratio, *value->low, *value->high);
}

// p99/p50 of the machine's noise over spans of the run's length.
std::string ratio(const std::optional<LatencySummary>& machine) {
  return machine && machine->p99 ? fmt::format("{:.2f}", *machine->p99 / machine->p50) : std::string(kNone);
}

std::string megabytes(const std::optional<double>& mb) { return mb ? fmt::format("{:.0f}", *mb) : std::string(kNone); }

constexpr std::array<std::string_view, 13> kHeads = {
    "backend", "version",   "status",         "min", "p50", "p90", "p99", "max", "p99/p50 (95 %)", "machine",
    "MB",      "max error", "speed-up (95 %)"};
constexpr std::size_t kTextColumns = 3;  // those aligned to the left, and the last

using Row = std::array<std::string, kHeads.size()>;

Row row_of(const RunResult& run, const GroupResult& group, bool noise) {
  Row row;
  row[0] = noise ? "(machine's noise)" : one_line(run.backend, 20);
  row[1] = one_line(run.version, 14);
  row[2] = to_string(run.status);
  if (!run.latency_us) return row;
  const LatencySummary& latency = *run.latency_us;
  row[3] = format_us(latency.min);
  row[4] = format_us(latency.p50);
  row[5] = number(latency.p90);
  row[6] = number(latency.p99);
  row[7] = format_us(latency.max);
  row[8] = with_interval(run.steadiness);
  row[9] = noise ? "" : ratio(run.machine_us);
  row[10] = megabytes(run.peak_rss_mb);
  if (noise) return row;
  row[11] = run.max_rel_error ? fmt::format("{:.1e}", *run.max_rel_error) : std::string(kNone);
  row[12] = run.backend == group.reference ? "reference"
            : run.speedup                  ? format_speedup(*run.speedup)
                                           : std::string(kNone);
  return row;
}

std::string heading(const ComparisonResult& comparison, const GroupResult& group) {
  std::string inputs;
  for (const WorkerInput& input : comparison.model.inputs) {
    inputs += fmt::format("{}{} {} {}", inputs.empty() ? "" : ", ", one_line(input.name, 40), to_string(input.dtype),
                          to_string(input.dims));
  }
  return fmt::format("{}  |  {}  |  {} runs in {} rounds  |  {} thread{}  |  microseconds\n",
                     one_line(comparison.model.name), inputs, group.loops, group.rounds, group.threads,
                     group.threads == 1 ? "" : "s");
}

std::string group_table(const ComparisonResult& comparison, const GroupResult& group) {
  std::vector<Row> rows;
  for (const RunResult& run : group.runs) rows.push_back(row_of(run, group, false));
  if (group.noise) rows.push_back(row_of(*group.noise, group, true));
  std::array<std::size_t, kHeads.size()> widths{};
  for (std::size_t c = 0; c < kHeads.size(); ++c) {
    widths[c] = width_of(kHeads[c]);
    for (const Row& row : rows) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  const auto line = [&](const auto& cells) {
    std::string text;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const bool left = c < kTextColumns || c + 1 == cells.size();
      if (c != 0) text += "  ";
      text += padded(cells[c], widths[c], !left);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  std::string text = heading(comparison, group);
  text += line(kHeads);
  std::size_t total = 2 * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  for (std::size_t i = 0; i < total; ++i) text += "─";
  text += "\n";
  for (const Row& row : rows) text += line(row);
  for (const RunResult& run : group.runs) {
    if (!run.reason.empty()) text += fmt::format("  {}: {}\n", one_line(run.backend, 20), one_line(run.reason, 400));
  }
  if (group.noise && !group.noise->reason.empty())
    text += fmt::format("  noise: {}\n", one_line(group.noise->reason, 400));
  if (!group.reference_note.empty()) {
    text += fmt::format("  The reference is {}, because of {}\n", group.reference.empty() ? "missing" : group.reference,
                        one_line(group.reference_note, 400));
  }
  return text;
}

}  // namespace

std::string format_us(double us) {
  if (us >= 100) return fmt::format("{:.0f}", us);
  if (us >= 10) return fmt::format("{:.1f}", us);
  return us >= 1 ? fmt::format("{:.2f}", us) : fmt::format("{:.3f}", us);
}

std::string format_speedup(const Ratio& speedup) {
  if (!speedup.low || !speedup.high) return fmt::format("{:.2f}×", speedup.ratio);
  if (*speedup.holds_one()) return fmt::format("no difference ({:.2f}–{:.2f})", *speedup.low, *speedup.high);
  return fmt::format("{:.2f}× ({:.2f}–{:.2f})", speedup.ratio, *speedup.low, *speedup.high);
}

std::string one_line(const std::string& text, std::size_t width) {
  std::string line;
  std::size_t columns = 0;
  for (const char c : text) {
    const bool continues = (c & 0xC0) == 0x80;
    if (!continues && columns == width) return line + "…";
    if (!continues) ++columns;
    line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return line;
}

std::string table_report(const ComparisonResult& comparison) {
  std::string text;
  for (const GroupResult& group : comparison.groups) {
    if (!text.empty()) text += "\n";
    text += group_table(comparison, group);
    if (group.profile) text += "\n" + profile_table(one_line(comparison.model.name), *group.profile);
  }
  return text;
}

}  // namespace cycloid
