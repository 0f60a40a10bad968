#include "cli/graph_layout.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace cycloid {
namespace {

constexpr double kGap = 18;  // between boxes of a layer
constexpr double kMargin = 24;
constexpr double kCharacter = 7.4;     // of the font that draws labels
constexpr std::size_t kMaxLabel = 26;  // characters
constexpr int kSweeps = 8;
constexpr double kBendWidth = 4;
// Of all lines together; a graph that needs more is one for an overview, and its longest lines are drawn straight.
constexpr std::size_t kMaxBends = 30000;

std::string shortened(const std::string& text) {
  return text.size() <= kMaxLabel ? text : text.substr(0, kMaxLabel - 2) + "..";
}

class Drawer {
 public:
  explicit Drawer(const Graph& graph) : graph_(graph) {}

  DrawnGraph run() {
    for (const ValueId id : graph_.inputs()) {
      if (graph_.value(id).uses.empty() && !graph_.is_output(id)) continue;
      box_of_value_.emplace(id, add(DrawnBox::Kind::kInput, graph_.value(id).name, graph_.value(id).name, id));
    }
    for (const NodeId id : graph_.nodes()) add_node(id);
    for (const ValueId id : graph_.outputs()) {
      const std::size_t box = add(DrawnBox::Kind::kOutput, graph_.value(id).name, graph_.value(id).name, id);
      connect(id, box);
    }
    assign_layers();
    bend_lines();
    order_layers();
    place();
    return std::move(drawn_);
  }

 private:
  std::size_t add(DrawnBox::Kind kind, const std::string& name, const std::string& label, ValueId typed) {
    DrawnBox box{.kind = kind, .name = name, .label = shortened(label), .type = {}};
    if (typed.valid()) box.type = to_string(graph_.value(typed).type);
    box.width = std::max(46.0, kCharacter * static_cast<double>(box.label.size()) + 18);
    drawn_.boxes.push_back(std::move(box));
    above_.emplace_back();
    below_.emplace_back();
    return drawn_.boxes.size() - 1;
  }

  void connect(ValueId from, std::size_t to) {
    const auto found = box_of_value_.find(from);
    if (found == box_of_value_.end()) return;  // a constant
    if (std::ranges::find(above_[to], found->second) != above_[to].end()) return;
    above_[to].push_back(found->second);
    below_[found->second].push_back(to);
    drawn_.lines.push_back({found->second, to, {}});
  }

  void add_node(NodeId id) {
    const Node& node = graph_.node(id);
    ValueId first;
    for (const ValueId output : node.outputs) {
      if (output.valid() && !first.valid()) first = output;
    }
    std::string label = node.op_type;
    std::size_t inside = 0;
    for_each_subgraph(node, [&](const std::string&, const Graph& body) { inside += count_nodes(body); });
    if (inside != 0) label += " (" + std::to_string(inside) + " inside)";
    const std::string name = node.name.empty() && first.valid() ? graph_.value(first).name : node.name;
    const std::size_t box = add(DrawnBox::Kind::kNode, name, label, first);
    for (const ValueId output : node.outputs) {
      if (output.valid()) box_of_value_.emplace(output, box);
    }
    for (const ValueId input : node.inputs) {
      if (input.valid()) connect(input, box);
    }
    for_each_subgraph(node, [&](const std::string&, const Graph& body) {
      for (const ValueId capture : body.captures()) connect(body.value(capture).outer, box);
    });
  }

  // Boxes are in topological order. Inputs, and what depends on constants alone, go right above what they are needed for.
  void assign_layers() {
    auto& boxes = drawn_.boxes;
    std::vector<bool> floats(boxes.size(), true);
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      for (const std::size_t above : above_[i]) {
        boxes[i].layer = std::max(boxes[i].layer, boxes[above].layer + 1);
        if (!floats[above] || boxes[above].kind == DrawnBox::Kind::kInput) floats[i] = false;
      }
    }
    for (std::size_t i = boxes.size(); i-- > 0;) {
      if (!floats[i] || below_[i].empty()) continue;
      std::size_t first = SIZE_MAX;
      for (const std::size_t below : below_[i]) first = std::min(first, boxes[below].layer);
      boxes[i].layer = first == 0 ? 0 : first - 1;
    }
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      if (layers_.size() <= boxes[i].layer) layers_.resize(boxes[i].layer + 1);
      layers_[boxes[i].layer].push_back(i);
    }
  }

  // A line over several layers gets a bend in each, which takes a place there like a box; place() takes them out again.
  void bend_lines() {
    real_ = drawn_.boxes.size();
    std::vector<std::size_t> by_length(drawn_.lines.size());
    std::iota(by_length.begin(), by_length.end(), std::size_t{0});
    const auto span = [&](std::size_t i) {
      return drawn_.boxes[drawn_.lines[i].to].layer - drawn_.boxes[drawn_.lines[i].from].layer;
    };
    std::ranges::stable_sort(by_length, {}, span);
    bends_.resize(drawn_.lines.size());
    for (const std::size_t i : by_length) {
      if (drawn_.boxes.size() - real_ + span(i) > kMaxBends) break;
      bend(i);
    }
  }

  void bend(std::size_t line) {
    const std::size_t to = drawn_.lines[line].to;
    std::size_t from = drawn_.lines[line].from;
    for (std::size_t layer = drawn_.boxes[from].layer + 1; layer < drawn_.boxes[to].layer; ++layer) {
      const std::size_t bend = drawn_.boxes.size();
      DrawnBox box;
      box.layer = layer;
      box.width = kBendWidth;
      drawn_.boxes.push_back(std::move(box));
      above_.push_back({from});
      below_.push_back({to});
      std::ranges::replace(below_[from], to, bend);
      std::ranges::replace(above_[to], from, bend);
      layers_[layer].push_back(bend);
      bends_[line].push_back(bend);
      from = bend;
    }
  }

  double mean(const std::vector<std::size_t>& of, double otherwise) const {
    if (of.empty()) return otherwise;
    double sum = 0;
    for (const std::size_t i : of) sum += drawn_.boxes[i].x;
    return sum / static_cast<double>(of.size());
  }

  // Boxes of a layer side by side in their order, each as near as that allows to where it wants to be.
  void spread(const std::vector<std::size_t>& layer, const std::vector<double>& wanted) {
    auto& boxes = drawn_.boxes;
    double left = -1e300;
    double shift = 0;
    for (std::size_t i = 0; i < layer.size(); ++i) {
      DrawnBox& box = boxes[layer[i]];
      box.x = std::max(wanted[i], left + box.width / 2);
      left = box.x + box.width / 2 + kGap;
      shift += wanted[i] - box.x;
    }
    shift /= static_cast<double>(layer.size());
    for (const std::size_t i : layer) boxes[i].x += shift;
  }

  void settle(std::vector<std::size_t>& layer, const std::vector<std::vector<std::size_t>>& neighbours, bool reorder) {
    std::vector<std::pair<double, std::size_t>> keyed;
    for (const std::size_t i : layer) keyed.emplace_back(mean(neighbours[i], drawn_.boxes[i].x), i);
    if (reorder) std::ranges::stable_sort(keyed, {}, &std::pair<double, std::size_t>::first);
    std::vector<double> wanted;
    for (std::size_t i = 0; i < layer.size(); ++i) {
      layer[i] = keyed[i].second;
      wanted.push_back(keyed[i].first);
    }
    spread(layer, wanted);
  }

  void order_layers() {
    for (auto& layer : layers_) spread(layer, std::vector<double>(layer.size(), 0));
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      const bool reorder = sweep < kSweeps - 2;
      if (sweep % 2 == 0) {
        for (auto& layer : layers_) settle(layer, above_, reorder);
      } else {
        for (std::size_t i = layers_.size(); i-- > 0;) settle(layers_[i], below_, reorder);
      }
    }
  }

  void place() {
    double left = 0;
    double right = 0;
    for (const DrawnBox& box : drawn_.boxes) {
      left = std::min(left, box.x - box.width / 2);
      right = std::max(right, box.x + box.width / 2);
    }
    for (DrawnBox& box : drawn_.boxes) {
      box.x += kMargin - left;
      box.y = kMargin + DrawnGraph::kBoxHeight / 2 + DrawnGraph::kLayerHeight * static_cast<double>(box.layer);
    }
    for (std::size_t i = 0; i < drawn_.lines.size(); ++i) {
      for (const std::size_t bend : bends_[i]) drawn_.lines[i].bends.push_back(drawn_.boxes[bend].x);
    }
    drawn_.boxes.resize(real_);
    drawn_.width = right - left + 2 * kMargin;
    drawn_.height = 2 * kMargin + DrawnGraph::kBoxHeight +
                    DrawnGraph::kLayerHeight * static_cast<double>(layers_.empty() ? 0 : layers_.size() - 1);
  }

  const Graph& graph_;
  DrawnGraph drawn_;
  std::map<ValueId, std::size_t> box_of_value_;
  std::vector<std::vector<std::size_t>> above_, below_;  // by box
  std::vector<std::vector<std::size_t>> layers_;
  std::size_t real_ = 0;                         // boxes; those after them are bends
  std::vector<std::vector<std::size_t>> bends_;  // by line
};

}  // namespace

DrawnGraph draw(const Graph& graph) { return Drawer(graph).run(); }

}  // namespace cycloid
