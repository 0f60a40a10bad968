#include "rewrite/driver.h"

#include <algorithm>
#include <exception>
#include <tuple>

#include "base/error.h"
#include "base/suggest.h"
#include "ops/infer_node.h"
#include "rewrite/comparison.h"
#include "rewrite/cost.h"
#include "rewrite/shadow.h"

namespace cycloid {
namespace {

class Driver {
 public:
  Driver(ModelIr& model, const OptimizeOptions& options, Ledger& ledger)
      : model_(model), options_(options), ledger_(ledger) {
    for (const Rule* rule : all_rules()) {
      if (options.disabled.contains(rule->name)) continue;
      if (options.only.empty() || options.only.contains(rule->name)) rules_.push_back(rule);
    }
  }

  Status run() {
    for (const auto& sample : options_.samples) {
      auto shadow = Shadow::compute(model_, sample, options_.max_sample_bytes);
      if (shadow) {
        shadows_.push_back(*std::move(shadow));
      } else {
        unverified_ = shadow.error().message();
      }
    }
    if (options_.samples.empty()) unverified_ = "no sample inputs";
    model_.graph.remove_dead();
    Facts facts;
    CYCLOID_TRY(collect_facts(model_, model_.graph, facts));
    CYCLOID_TRY(optimize_graph(model_.graph, facts, ""));
    name_what_was_added();
    return {};
  }

 private:
  // A nameless node goes by its first output, which a later change may have given the name of a graph's output: the ledger names
  // nodes as the result does.
  void name_what_was_added() {
    for (const auto& [application, nodes] : added_) {
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (model_.graph.alive(nodes[i]))
          ledger_.applications[application].added[i] = describe(model_.graph, model_.graph.node(nodes[i]));
      }
    }
  }

  // Sweeps over the nodes until a whole sweep changes nothing. Ids of erased nodes are not reused, so a copy of the
  // order is safe to walk while the graph changes.
  Status optimize_graph(Graph& graph, Facts& facts, const std::string& where) {
    bool changed = true;
    while (changed) {
      changed = false;
      const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
      for (const NodeId id : nodes) {
        if (!graph.alive(id)) continue;
        CYCLOID_TRY(optimize_subgraphs(graph, facts, id, where));
        for (const Rule* rule : rules_) {
          if (!graph.alive(id)) break;
          CYCLOID_ASSIGN(const bool applied, try_rule(graph, facts, *rule, id, where));
          changed = changed || applied;
        }
      }
    }
    return {};
  }

  Status optimize_subgraphs(Graph& graph, const Facts& facts, NodeId id, const std::string& where) {
    const Attributes attributes = graph.node(id).attributes;
    for (const auto& [name, attribute] : attributes) {
      const auto* body = std::get_if<GraphPtr>(&attribute);
      if (body == nullptr) continue;
      Graph copy = **body;
      const std::size_t dead = copy.remove_dead();
      Facts inner{.outer_graph = &graph, .outer = &facts};
      CYCLOID_TRY(collect_facts(model_, copy, inner));
      const std::size_t before = ledger_.applications.size();
      CYCLOID_TRY(optimize_graph(
          copy, inner,
          fmt::format("{}{}, {}", where.empty() ? "" : where + ", ", describe(graph, graph.node(id)), name)));
      if (dead != 0 || ledger_.applications.size() != before)
        graph.set_attribute(id, name, std::make_shared<const Graph>(std::move(copy)));
    }
    return {};
  }

  Result<bool> try_rule(Graph& graph, Facts& facts, const Rule& rule, NodeId id, const std::string& where) {
    const Node& node = graph.node(id);
    if (!rule.roots.empty() &&
        (!node.domain.empty() || std::ranges::find(rule.roots, node.op_type) == rule.roots.end()))
      return false;
    if (ledger_.applications.size() >= options_.stop_after) return false;
    const std::optional<Patch> patch = propose(graph, facts, rule, id, where);
    if (!patch) return false;
    if (ledger_.applications.size() >= options_.max_applications) {
      return make_error(ErrorCode::kResourceExhausted,
                        "rule '{}' still applies after {} changes: some rules undo each other", rule.name,
                        options_.max_applications);
    }
    const std::string description = describe(graph, node);
    if (!options_.vetoed.empty() && options_.vetoed.contains({std::string(rule.name), where, description})) {
      refuse(rule, where, id, description, "it was taken back");
      return false;
    }
    RuleApplication application{.rule = &rule, .where = where, .node = description};
    const auto approve = [&](const Graph& candidate, const Patch::Proposal& proposal) -> Status {
      CYCLOID_TRY(weigh(candidate, rule, proposal, application));
      return check(candidate, rule, proposal, where, application);
    };
    const auto infer = [&](Graph& g, NodeId n) { return infer_node(model_, g, n, &facts); };
    auto applied = patch->apply(graph, infer, approve);
    if (!applied) {
      refuse(rule, where, id, description, applied.error().message());
      return false;
    }
    application.removed = std::move(applied->removed);
    for (const NodeId added : applied->added) application.added.push_back(describe(graph, graph.node(added)));
    if (where.empty()) added_.emplace_back(ledger_.applications.size(), std::move(applied->added));
    ledger_.applications.push_back(std::move(application));
    if (options_.verify_graph)
      CYCLOID_TRY(verify(graph).in(fmt::format("after rule '{}' at {}", rule.name, description)));
    return true;
  }

  // A rule that throws (out of memory, a bug) has nothing to propose.
  std::optional<Patch> propose(Graph& graph, const Facts& facts, const Rule& rule, NodeId id,
                               const std::string& where) {
    try {
      const RuleContext context = {.graph = graph,
                                   .model = model_,
                                   .facts = facts,
                                   .fold_limit = options_.fold_limit,
                                   .assume_finite = options_.assume_finite};
      return rule.propose(context, id);
    } catch (const std::exception& exception) {
      refuse(rule, where, id, describe(graph, graph.node(id)), exception.what());
      return std::nullopt;
    }
  }

  void refuse(const Rule& rule, const std::string& where, NodeId id, const std::string& node, std::string reason) {
    if (refused_.emplace(where, &rule, id).second) ledger_.refusals.push_back({&rule, where, node, std::move(reason)});
  }

  // Says what the change saves, and refuses one that saves nothing where its rule leaves that to the cost.
  static Status weigh(const Graph& graph, const Rule& rule, const Patch::Proposal& proposal,
                      RuleApplication& application) {
    const NodeCosts gone = costs_of(graph, proposal.dying);
    const NodeCosts come = costs_of(graph, proposal.added);
    if (gone.flops && come.flops) application.flops_saved = *gone.flops - *come.flops;
    if (gone.bytes && come.bytes) application.bytes_saved = *gone.bytes - *come.bytes;
    // The estimate is a sum over nodes, so what lowers it by a byte each time comes to an end.
    if (rule.cost_decides && come.weight > gone.weight - 1) {
      return unsupported("it would not be cheaper: {:.3g} instead of {:.3g} byte equivalents", come.weight,
                         gone.weight);
    }
    if (rule.kind == RuleKind::kFewerNodes) {
      const std::size_t before = nodes_in(graph, proposal.dying);
      const std::size_t after = nodes_in(graph, proposal.added);
      if (after > before) return unsupported("there would be {} nodes instead of {}", after, before);
    }
    return rule.may_take_memory ? check_growth(graph, proposal) : Status();
  }

  // With those of their subgraphs.
  static std::size_t nodes_in(const Graph& graph, std::span<const NodeId> nodes) {
    std::size_t count = nodes.size();
    for (const NodeId id : nodes) {
      for_each_subgraph(graph.node(id), [&](const std::string&, const Graph& body) { count += count_nodes(body); });
    }
    return count;
  }

  // A loop's intermediate values are small, one iteration's; those of all iterations at once may not fit in memory. They
  // may be some times as large as the largest value that is there anyway, or of a size that does not matter.
  static Status check_growth(const Graph& graph, const Patch::Proposal& proposal) {
    constexpr double kMostTimes = 4;
    constexpr double kSmall = 1 << 26;
    double largest = 0;
    const auto see = [&](ValueId id) {
      if (!id.valid()) return;
      if (const auto size = typical_size(graph, id)) largest = std::max(largest, size->bytes);
    };
    for (const NodeId id : proposal.dying) {
      const Node& node = graph.node(id);
      std::ranges::for_each(node.inputs, see);
      std::ranges::for_each(node.outputs, see);
      for_each_subgraph(node, [&](const std::string&, const Graph& body) {
        for (const ValueId capture : body.captures()) see(body.value(capture).outer);
      });
    }
    for (const NodeId id : proposal.added) {
      for (const ValueId output : graph.node(id).outputs) {
        const auto size = output.valid() ? typical_size(graph, output) : std::nullopt;
        if (!size || size->bytes <= kMostTimes * largest || (size->known && size->bytes <= kSmall)) continue;
        return unsupported("{} would hold {:.3g} bytes at sizes of 1024, where the largest value is now {:.3g}",
                           describe(graph, graph.node(id)), size->bytes, largest);
      }
    }
    return {};
  }

  static Result<Difference> compare_in(Shadow& shadow, const Graph& graph, ValueId from, ValueId to, bool exact) {
    const Datum* expected = shadow.find(graph, from);
    const Datum* actual = shadow.find(graph, to);
    if (expected == nullptr || actual == nullptr) return unsupported("a value to compare is not known");
    return compare(*expected, *actual, exact);
  }

  static std::vector<NodeId> in_order(const Graph& graph, std::span<const NodeId> some) {
    const std::set<NodeId> wanted(some.begin(), some.end());
    std::vector<NodeId> nodes;
    for (const NodeId id : graph.nodes()) {
      if (wanted.contains(id)) nodes.push_back(id);
    }
    return nodes;
  }

  Status check(const Graph& graph, const Rule& rule, const Patch::Proposal& proposal, const std::string& where,
               RuleApplication& application) {
    if (!where.empty()) application.unverified = "inside a subgraph";
    if (shadows_.empty()) application.unverified = unverified_;
    if (!application.unverified.empty()) return {};
    double max_abs = 0;
    double max_rel = 0;
    for (Shadow& shadow : shadows_) {
      CYCLOID_TRY(shadow.extend(model_, graph, proposal.added));
      for (const auto& [from, to] : proposal.replacements) {
        CYCLOID_ASSIGN(Difference difference, compare_in(shadow, graph, from, to, rule.exact));
        if (!difference.same) {
          // An earlier change may have rounded what these nodes read otherwise: their values are of before it.
          CYCLOID_TRY(shadow.extend(model_, graph, in_order(graph, proposal.dying)));
          CYCLOID_ASSIGN(difference, compare_in(shadow, graph, from, to, rule.exact));
        }
        max_abs = std::max(max_abs, difference.max_abs);
        max_rel = std::max(max_rel, difference.max_rel);
        if (!difference.same) {
          return make_error(ErrorCode::kFailed,
                            "'{}' would differ by {:.3g} ({:.3g} of its largest value) on sample inputs",
                            graph.value(from).name, difference.max_abs, difference.max_rel);
        }
      }
    }
    application.max_abs_error = max_abs;
    application.max_rel_error = max_rel;
    return {};
  }

  ModelIr& model_;
  const OptimizeOptions& options_;
  Ledger& ledger_;
  std::vector<const Rule*> rules_;
  std::vector<std::pair<std::size_t, std::vector<NodeId>>> added_;  // to the main graph, by application
  // What is in the ledger already. It may be asked again: what is near the node may have changed since.
  std::set<std::tuple<std::string, const Rule*, NodeId>> refused_;
  std::vector<Shadow> shadows_;
  std::string unverified_;
};

Status check_names(const OptimizeOptions& options) {
  for (const auto* names : {&options.disabled, &options.only}) {
    for (const std::string& name : *names) {
      if (find_rule(name) != nullptr) continue;
      std::vector<std::string> known;
      for (const Rule* rule : all_rules()) known.emplace_back(rule->name);
      const std::string suggestion = nearest(name, known);
      return invalid_argument("there is no rule '{}'{}; `cycloid rules` lists them", name,
                              suggestion.empty() ? "" : fmt::format(": did you mean '{}'?", suggestion));
    }
  }
  return {};
}

}  // namespace

Result<Optimized> optimize(const ModelIr& model, const OptimizeOptions& options) {
  CYCLOID_TRY(check_names(options));
  Optimized result{.model = model, .ledger = {}};
  result.ledger.before = totals_of(result.model.graph);
  CYCLOID_TRY(Driver(result.model, options, result.ledger).run());
  result.model.graph.remove_dead();
  result.ledger.after = totals_of(result.model.graph);
  return result;
}

}  // namespace cycloid
