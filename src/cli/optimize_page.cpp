#include "cli/optimize_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/html_report.h"
#include "bench/report/assets.h"
#include "cli/graph_layout.h"
#include "graph/graph.h"

namespace cycloid {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

class Boxes {
 public:
  explicit Boxes(const DrawnGraph& drawn) {
    for (std::size_t i = 0; i < drawn.boxes.size(); ++i) {
      if (drawn.boxes[i].kind == DrawnBox::Kind::kNode) at_.emplace(drawn.boxes[i].name, i);
    }
  }
  std::set<std::size_t> find(const std::vector<std::string>& names) const {
    std::set<std::size_t> found;
    for (const std::string& name : names) {
      if (const auto at = at_.find(name); at != at_.end()) found.insert(at->second);
    }
    return found;
  }

 private:
  std::map<std::string, std::size_t> at_;
};

// "loop" of "node 'loop' (Loop), body": the node of the main graph that holds the subgraph.
std::string holder(const std::string& where) {
  const std::size_t begin = where.find('\'');
  const std::size_t end = where.find("' (");
  if (begin == std::string::npos || end == std::string::npos || end <= begin) return where;
  return where.substr(begin + 1, end - begin - 1);
}

std::set<std::size_t> boxes_before(const Boxes& boxes, const RuleUse& use) {
  return boxes.find(use.where.empty() ? use.removed : std::vector<std::string>{holder(use.where)});
}
std::set<std::size_t> boxes_after(const Boxes& boxes, const RuleUse& use) {
  return boxes.find(use.where.empty() ? use.added : std::vector<std::string>{holder(use.where)});
}

// The nodes of one graph that the other has not, or has with another operator: what changed, also where several changes made it.
std::set<std::size_t> changed(const DrawnGraph& drawn, const DrawnGraph& other) {
  std::set<std::pair<std::string_view, std::string_view>> there;
  for (const DrawnBox& box : other.boxes) there.emplace(box.name, box.label);
  std::set<std::size_t> found;
  for (std::size_t i = 0; i < drawn.boxes.size(); ++i) {
    const DrawnBox& box = drawn.boxes[i];
    if (box.kind == DrawnBox::Kind::kNode && !there.contains({box.name, box.label})) found.insert(i);
  }
  return found;
}

// What is lit in each graph: the nodes that changes name, and those that are not in the other one.
struct Lit {
  std::set<std::size_t> before;
  std::set<std::size_t> after;
};
Lit lit_of(const DrawnGraph& before, const DrawnGraph& after, const Optimization& optimization) {
  const Boxes left(before);
  const Boxes right(after);
  Lit lit{changed(before, after), changed(after, before)};
  for (const RuleUse& use : optimization.applications) {
    lit.before.merge(boxes_before(left, use));
    lit.after.merge(boxes_after(right, use));
  }
  return lit;
}

double rounded(double value) { return std::round(value * 10) / 10; }

Json to_json(const DrawnGraph& drawn, const GraphTotals& totals) {
  Json json = {{"width", rounded(drawn.width)}, {"height", rounded(drawn.height)}};
  json["totals"] = {{"nodes", totals.nodes}, {"flops", or_null(totals.flops)}, {"bytes", or_null(totals.bytes)}};
  json["boxes"] = Json::array();
  for (const DrawnBox& box : drawn.boxes) {
    json["boxes"].push_back({{"n", box.name},
                             {"l", box.label},
                             {"t", box.type},
                             {"x", rounded(box.x)},
                             {"y", rounded(box.y)},
                             {"w", rounded(box.width)},
                             {"k", static_cast<int>(box.kind)}});
  }
  json["layer"] = DrawnGraph::kLayerHeight;
  json["lines"] = Json::array();
  for (const DrawnLine& line : drawn.lines) {
    Json& one = json["lines"].emplace_back(Json{line.from, line.to});
    for (const double bend : line.bends) one.push_back(std::round(bend));
  }
  return json;
}

// Rules in the order of their first use, and the changes that name them by position.
void put_changes(Json& json, const Optimization& optimization, const Boxes& before, const Boxes& after) {
  struct Sums {
    std::int64_t nodes = 0, flops = 0, bytes = 0;
  };
  std::map<std::string, std::size_t> rules;
  std::vector<Sums> sums;
  json["rules"] = Json::array();
  json["applications"] = Json::array();
  for (const RuleUse& use : optimization.applications) {
    const auto [at, added] = rules.emplace(use.rule, rules.size());
    if (added) {
      json["rules"].push_back({{"name", use.rule}, {"kind", use.kind}, {"law", use.law}, {"why", use.why}});
      sums.emplace_back();
    }
    Sums& sum = sums[at->second];
    sum.nodes += static_cast<std::int64_t>(use.removed.size()) - static_cast<std::int64_t>(use.added.size());
    sum.flops += use.flops_saved.value_or(0);
    sum.bytes += use.bytes_saved.value_or(0);
    json["applications"].push_back({{"rule", at->second},
                                    {"where", use.where},
                                    {"removed", use.removed},
                                    {"added", use.added},
                                    {"before", boxes_before(before, use)},
                                    {"after", boxes_after(after, use)},
                                    {"flops", or_null(use.flops_saved)},
                                    {"bytes", or_null(use.bytes_saved)},
                                    {"error", or_null(use.max_rel_error)},
                                    {"verified", use.verified}});
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    json["rules"][i]["nodes"] = sums[i].nodes;
    json["rules"][i]["flops"] = sums[i].flops;
    json["rules"][i]["bytes"] = sums[i].bytes;
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

// Colours that can be read on white and on black pages: the picture brings its own paper.
// From box to box in curves, straight down where it passes a layer.
std::string svg_of(const DrawnGraph& drawn, const DrawnLine& line) {
  constexpr double kHalf = DrawnGraph::kBoxHeight / 2;
  double x = drawn.boxes[line.from].x;
  double y = drawn.boxes[line.from].y;
  std::string path = fmt::format("M{:.0f} {:.0f}", x, y + kHalf);
  const auto curve = [&](double to_x, double to_y) {
    const double bend = std::min(34.0, (to_y - y) / 2 - kHalf);
    path += fmt::format("C{:.0f} {:.0f} {:.0f} {:.0f} {:.0f} {:.0f}", x, y + kHalf + bend, to_x, to_y - kHalf - bend,
                        to_x, to_y - kHalf);
    x = to_x;
    y = to_y;
  };
  for (const double bend : line.bends) {
    curve(bend, y + DrawnGraph::kLayerHeight);
    path += fmt::format("V{:.0f}", y + kHalf);
  }
  curve(drawn.boxes[line.to].x, drawn.boxes[line.to].y);
  return fmt::format(R"(<path d="{}" fill="none" stroke="#98a2b0"/>)", path);
}

std::string svg_of(const DrawnGraph& drawn, const std::set<std::size_t>& lit, std::string_view fill,
                   std::string_view stroke) {
  std::string svg;
  for (const DrawnLine& line : drawn.lines) svg += svg_of(drawn, line);
  for (std::size_t i = 0; i < drawn.boxes.size(); ++i) {
    const DrawnBox& box = drawn.boxes[i];
    const bool node = box.kind == DrawnBox::Kind::kNode;
    const bool on = lit.contains(i);
    svg += fmt::format(R"(<rect x="{:.0f}" y="{:.0f}" width="{:.0f}" height="{:.0f}" rx="{}" fill="{}" stroke="{}"/>)",
                       box.x - box.width / 2, box.y - DrawnGraph::kBoxHeight / 2, box.width, DrawnGraph::kBoxHeight,
                       node ? 6 : 14,
                       on     ? fill
                       : node ? "#f1f3f6"
                              : "#ffffff",
                       on     ? stroke
                       : node ? "#c5ccd6"
                              : "#0b63c4");
    svg += fmt::format(R"(<text x="{:.0f}" y="{:.0f}">{}</text>)", box.x, box.y + 4.5, escaped(box.label));
  }
  return svg;
}

}  // namespace

std::string optimize_page(const std::string& name, const Model& before, const Optimization& optimization,
                          const std::vector<MeasuredText>& measured) {
  const DrawnGraph drawn_before = draw(before.ir()->graph);
  const DrawnGraph drawn_after = draw(optimization.model.ir()->graph);
  Json json;
  json["model"] = name;
  json["before"] = to_json(drawn_before, optimization.before);
  json["after"] = to_json(drawn_after, optimization.after);
  put_changes(json, optimization, Boxes(drawn_before), Boxes(drawn_after));
  const Lit lit = lit_of(drawn_before, drawn_after, optimization);
  json["before"]["lit"] = lit.before;
  json["after"]["lit"] = lit.after;
  json["notes"] = optimization.notes;
  json["reverted"] = Json::array();
  for (const RuleRejection& rejection : optimization.rejections) {
    if (rejection.reverted)
      json["reverted"].push_back(fmt::format("{} at {}: {}", rejection.rule, rejection.node, rejection.reason));
  }
  json["measured"] = Json::array();
  for (const MeasuredText& one : measured) {
    json["measured"].push_back({{"backend", one.backend}, {"text", one.text}, {"detail", one.detail}});
  }
  // No "<", so that no name can end the script element.
  std::string data = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  for (std::size_t at = 0; (at = data.find('<', at)) != std::string::npos;) data.replace(at, 1, "\\u003c");
  return filled_page(asset("optimize.html"), data);
}

std::string optimize_picture(const Model& before, const Optimization& optimization) {
  const DrawnGraph left = draw(before.ir()->graph);
  const DrawnGraph right = draw(optimization.model.ir()->graph);
  const Lit lit = lit_of(left, right, optimization);
  constexpr double kHead = 34;
  constexpr double kBetween = 24;
  const double width = left.width + right.width + kBetween;
  const double height = std::max(left.height, right.height) + kHead;
  std::string svg = fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" font-family="system-ui, Arial, sans-serif" font-size="13" text-anchor="middle" fill="#1c2430"><rect width="100%" height="100%" rx="12" fill="#ffffff"/>)",
      width, height);
  const auto graph = [&](double x, double of, std::string_view title, std::size_t nodes, const std::string& inside) {
    svg += fmt::format(
        R"svg(<g transform="translate({:.0f} 0)"><text x="{:.0f}" y="24" font-weight="600">{}: {} node{}</text><g transform="translate(0 {:.0f})">{}</g></g>)svg",
        x, of / 2, title, nodes, nodes == 1 ? "" : "s", kHead, inside);
  };
  graph(0, left.width, "before", optimization.before.nodes, svg_of(left, lit.before, "#fbd9d5", "#b42318"));
  graph(left.width + kBetween, right.width, "after", optimization.after.nodes,
        svg_of(right, lit.after, "#cdeed6", "#1a7f37"));
  return svg + "</svg>\n";
}

}  // namespace cycloid
