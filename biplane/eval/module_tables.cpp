#include "biplane/eval/module_tables.h"

#include <algorithm>
#include <set>
#include <utility>

namespace biplane {
namespace {

using Figure = FigureTable::Figure;
constexpr const char* kUntrainedAlignment = "the alignment decoder was not trained";

ResultRow make_row(const char* task, const std::string& views, const std::string& metric) {
  ResultRow row;
  row.task = task;
  row.views = views;
  row.metric = metric;
  return row;
}

template <class Item>
std::set<std::string> findings_of(const std::vector<Item>& items) {
  std::set<std::string> findings;
  for (const Item& item : items) findings.insert(item.finding);
  return findings;
}

// One figure for each finding, then their mean. part(item) -> its value, nothing: not counted.
template <class Item, class Part>
std::vector<Figure> add_findings(FigureTable& table, ResultRow row, const std::vector<Item>& items,
                                 const Part& part, const std::string& note) {
  std::vector<Figure> figures;
  for (const std::string& finding : findings_of(items)) {
    std::vector<FigurePart> parts;
    for (const Item& item : items) {
      if (item.finding != finding) continue;
      if (const std::optional<double> value = part(item)) parts.push_back({item.study, *value});
    }
    row.label = finding;
    figures.push_back(table.add(row, std::move(parts), note));
  }
  row.label = "macro";
  figures.push_back(table.add_mean(row, figures));
  return figures;
}

// a - b, figure by figure of two calls of add_findings.
template <class Item>
void add_differences(FigureTable& table, ResultRow row, const std::vector<Item>& items,
                     const std::vector<Figure>& a, const std::vector<Figure>& b) {
  std::size_t i = 0;
  for (const std::string& finding : findings_of(items)) {
    row.label = finding;
    table.add_difference(row, a[i], b[i]);
    ++i;
  }
  row.label = "macro";
  table.add_difference(row, a[i], b[i]);
}

// ---- Selection ----

void add_selection_view(FigureTable& table, const std::vector<SelectionItem>& items,
                        const std::vector<std::string>& scores, const std::string& views) {
  std::map<std::string, std::vector<Figure>> areas;
  for (const std::string& score : scores) {
    const auto own = [&](const SelectionItem& item) {
      return item.views == views && item.score == score;
    };
    const std::string note = std::any_of(items.begin(), items.end(), own)
                                 ? "no study has a lesion patch of it in this view"
                                 : "the score is not defined in this view";
    const auto add = [&](const char* metric, double SelectionItem::*value) {
      ResultRow row = make_row(kSelectionTask, views, metric);
      row.map = score;
      return add_findings(
          table, row, items,
          [&](const SelectionItem& item) {
            return own(item) ? std::optional<double>(item.*value) : std::nullopt;
          },
          note);
    };
    areas[score] = add("auroc", &SelectionItem::auroc);
    add("enrichment", &SelectionItem::enrichment);
  }
  if (!areas.contains("sum")) return;
  for (const char* against : {"random", "global_attention"}) {
    if (!areas.contains(against)) continue;
    ResultRow row = make_row(kSelectionTask, views, "auroc_difference");
    row.map = "sum";
    row.against = against;
    add_differences(table, row, items, areas.at("sum"), areas.at(against));
  }
}

// ---- Alignment ----

void add_map_rows(FigureTable& table, const std::vector<AlignmentItem>& items,
                  const ResultRow& like, double AlignmentItem::Hits::*value, bool trained) {
  ResultRow row = like;
  const auto add = [&](const char* condition, AlignmentItem::Hits AlignmentItem::*images) {
    row.condition = condition;
    return add_findings(
        table, row, items,
        [&](const AlignmentItem& item) {
          const bool counts = trained && item.views == row.views;
          return counts ? std::optional<double>(item.*images.*value) : std::nullopt;
        },
        trained ? "no study has a region of it in this view" : kUntrainedAlignment);
  };
  const std::vector<Figure> own = add("own", &AlignmentItem::own),
                            other = add("other", &AlignmentItem::other);
  row.metric += "_difference";
  row.condition = "own";
  row.against = "other";
  add_differences(table, row, items, own, other);
}

void add_alignment_view(FigureTable& table, const std::vector<AlignmentItem>& items,
                        const std::string& views, bool trained) {
  using Hits = AlignmentItem::Hits;
  ResultRow row = make_row(kAlignmentTask, views, "pointing_game");
  row.map = "attention";
  add_map_rows(table, items, row, &Hits::attention, trained);
  row.map = "cosine";
  add_map_rows(table, items, row, &Hits::cosine, true);
  row.map = "attention";
  row.metric = "energy";
  add_map_rows(table, items, row, &Hits::energy, trained);
  add_findings(
      table, make_row(kAlignmentTask, views, "pointing_chance"), items,
      [&](const AlignmentItem& item) {
        return item.views == views ? std::optional<double>(item.chance) : std::nullopt;
      },
      "no study has a region of it in this view");
}

template <class Value>
void add_gap(FigureTable& table, const std::vector<ShuffleGap>& gaps, const char* metric,
             bool trained, const Value& value) {
  std::vector<FigurePart> parts;
  for (const ShuffleGap& gap : gaps)
    if (trained) parts.push_back({gap.study, value(gap)});
  table.add(make_row(kAlignmentTask, "both", metric), std::move(parts),
            trained ? "no study has content words" : kUntrainedAlignment);
}

// ---- Masked words ----

// Figures of one class of words for each pair of images and selection.
void add_word_class(FigureTable& table, std::span<const WordCounts> counts, WordClass word_class,
                    bool trained) {
  const auto place = static_cast<std::size_t>(word_class);
  const std::string note =
      trained ? "no masked word of this class" : "the masked-word term was off in training";
  ResultRow row = make_row(kMaskedWordsTask, "both", "word_accuracy");
  row.label = word_class_name(word_class);
  std::map<std::string, Figure> figures;
  for (std::size_t shown = 0; shown < kShownImages.size(); ++shown) {
    for (std::size_t by = 0; by < kSelectedBy.size(); ++by) {
      std::vector<FigurePart> parts;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        if (!trained || counts[i].words[place] == 0) continue;
        parts.push_back({static_cast<std::int64_t>(i),
                         static_cast<double>(counts[i].found[shown][by][place]),
                         static_cast<double>(counts[i].words[place])});
      }
      row.condition = std::string(kShownImages[shown]) + "/" + kSelectedBy[by];
      figures[row.condition] = table.add(row, std::move(parts), note);
    }
  }
  row.metric = "image_effect";
  row.condition = "own/own";
  row.against = "other/own";
  table.add_difference(row, figures.at(row.condition), figures.at(row.against));
  row.metric = "leak";
  row.condition = "blank/own";
  row.against = "blank/random";
  table.add_difference(row, figures.at(row.condition), figures.at(row.against));
}

// ---- False negatives ----

struct Group {
  const char* name;
  std::int64_t ContrastItem::*reports;  // null: the own one
  double ContrastItem::*cosine;
  double ContrastItem::*mass;
};
constexpr std::array<Group, 3> kGroups{
    {{"own", nullptr, &ContrastItem::own_cosine, &ContrastItem::own_mass},
     {"same", &ContrastItem::same, &ContrastItem::same_cosine, &ContrastItem::same_mass},
     {"different", &ContrastItem::different, &ContrastItem::different_cosine,
      &ContrastItem::different_mass}}};

// Figures of the studies for which `counts` holds.
template <class Counts>
void add_contrast_class(FigureTable& table, const ContrastColumn& column, const std::string& label,
                        const Counts& counts) {
  const auto pool = static_cast<std::int64_t>(column.items.size());
  const std::string note = column.note.empty() ? "no such report" : column.note;
  const auto add = [&](const char* metric, const Group& group, const auto& value) {
    ResultRow row = make_row(kFalseNegativesTask, column.views, metric);
    row.label = label;
    row.condition = group.name;
    row.pool = pool;
    std::vector<FigurePart> parts;
    for (std::size_t i = 0; i < column.items.size(); ++i) {
      const ContrastItem& item = column.items[i];
      const std::int64_t reports = group.reports == nullptr ? 1 : item.*group.reports;
      if (counts(i) && reports > 0)
        parts.push_back({static_cast<std::int64_t>(i), value(item, static_cast<double>(reports))});
    }
    return table.add(row, std::move(parts), note);
  };
  std::vector<Figure> cosines;
  for (const Group& group : kGroups) {
    cosines.push_back(
        add("cosine", group, [&](const ContrastItem& item, double) { return item.*group.cosine; }));
    add("contrast_mass", group, [&](const ContrastItem& item, double) { return item.*group.mass; });
    add("contrast_lift", group, [&](const ContrastItem& item, double reports) {
      return item.*group.mass * static_cast<double>(pool) / reports;
    });
  }
  ResultRow row = make_row(kFalseNegativesTask, column.views, "cosine_difference");
  row.label = label;
  row.condition = "same";
  row.against = "different";
  row.pool = pool;
  table.add_difference(row, cosines[1], cosines[2]);
}

}  // namespace

FigureTable selection_figures(const std::vector<SelectionItem>& items,
                              const std::vector<std::string>& scores) {
  FigureTable table;
  for (const char* views : {"frontal", "lateral", "both"})
    add_selection_view(table, items, scores, views);
  return table;
}

FigureTable alignment_figures(const AlignmentItems& items, bool trained) {
  FigureTable table;
  for (const char* views : {"frontal", "lateral"})
    add_alignment_view(table, items.regions, views, trained);
  add_gap(table, items.gaps, "shuffle_gap", trained,
          [](const ShuffleGap& gap) { return (gap.words + gap.images) / 2; });
  add_gap(table, items.gaps, "shuffle_gap_words", trained,
          [](const ShuffleGap& gap) { return gap.words; });
  add_gap(table, items.gaps, "shuffle_gap_images", trained,
          [](const ShuffleGap& gap) { return gap.images; });
  return table;
}

FigureTable masked_word_figures(std::span<const WordCounts> counts, bool trained) {
  FigureTable table;
  for (const WordClass word_class : kAskedClasses)
    add_word_class(table, counts, word_class, trained);
  return table;
}

FigureTable contrast_figures(std::span<const ContrastColumn> columns) {
  FigureTable table;
  for (const ContrastColumn& column : columns) {
    add_contrast_class(table, column, "all", [](std::size_t) { return true; });
    add_contrast_class(table, column, "with_findings",
                       [&](std::size_t i) { return column.normal[i] == 0; });
    add_contrast_class(table, column, "without_findings",
                       [&](std::size_t i) { return column.normal[i] != 0; });
  }
  return table;
}

FigureTable counterfactual_figures(std::span<const CounterfactualColumn> columns,
                                   std::span<const std::string> removed) {
  struct Pair {
    std::int64_t study;
    std::string finding;
    double change, win;
  };
  FigureTable table;
  for (const CounterfactualColumn& column : columns) {
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i < removed.size(); ++i) {
      const double change = column.with.empty() ? 0 : column.with[i] - column.without[i];
      pairs.push_back({static_cast<std::int64_t>(i), removed[i], change,
                       change > 0   ? 1.0
                       : change < 0 ? 0.0
                                    : 0.5});
    }
    const auto add = [&](const char* metric, double Pair::*value) {
      add_findings(
          table, make_row(kCounterfactualTask, column.views, metric), pairs,
          [&](const Pair& pair) {
            return column.with.empty() ? std::nullopt : std::optional<double>(pair.*value);
          },
          column.note);
    };
    add("score_change", &Pair::change);
    add("win_rate", &Pair::win);
  }
  return table;
}

}  // namespace biplane
