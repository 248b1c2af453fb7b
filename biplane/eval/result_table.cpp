// The main figures for a terminal.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "biplane/eval/results.h"

namespace biplane {
namespace {

// A text table: the first column to the left, the others to the right.
class TextTable {
 public:
  void add(std::vector<std::string> cells) {
    widths_.resize(std::max(widths_.size(), cells.size()), 0);
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths_[i] = std::max(widths_[i], cells[i].size());
    rows_.push_back(std::move(cells));
  }
  std::string text() const {
    std::string result;
    for (const std::vector<std::string>& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        result += i == 0 ? fmt::format("  {:<{}}", row[i], widths_[i])
                         : fmt::format("  {:>{}}", row[i], widths_[i]);
      }
      result += '\n';
    }
    return result;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> widths_;
};

std::string column_name(const ResultRow& row) {
  return row.population.empty() ? row.views : row.views + " (" + row.population + ")";
}

// Distinct values of a key of the rows, in order of first appearance.
template <class Key>
std::vector<std::string> distinct(const std::vector<const ResultRow*>& rows, const Key& key) {
  std::vector<std::string> values;
  for (const ResultRow* row : rows) {
    if (std::find(values.begin(), values.end(), key(*row)) == values.end())
      values.push_back(key(*row));
  }
  return values;
}

template <class Filter>
std::vector<const ResultRow*> select(std::span<const ResultRow> rows, const Filter& filter) {
  std::vector<const ResultRow*> selected;
  for (const ResultRow& row : rows) {
    if (filter(row)) selected.push_back(&row);
  }
  return selected;
}

std::string value_text(const ResultRow& row, const char* format = "{:.3f}") {
  return row.value ? fmt::format(fmt::runtime(format), *row.value) : "-";
}

std::string interval_text(const ResultRow& row) {
  if (!row.value || !row.interval.low) return value_text(row);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", *row.value, *row.interval.low, *row.interval.high);
}

// Rows and columns named by two keys; the cell is cell(row).
template <class Line, class Column, class Cell>
std::string cross_table(const std::string& title, const std::vector<const ResultRow*>& rows,
                        const Line& line, const Column& column, const Cell& cell) {
  if (rows.empty()) return {};
  TextTable table;
  const std::vector<std::string> columns = distinct(rows, column);
  std::vector<std::string> head{""};
  head.insert(head.end(), columns.begin(), columns.end());
  table.add(std::move(head));
  for (const std::string& name : distinct(rows, line)) {
    std::vector<std::string> cells{name};
    for (const std::string& wanted : columns) {
      const auto found = std::find_if(rows.begin(), rows.end(), [&](const ResultRow* row) {
        return line(*row) == name && column(*row) == wanted;
      });
      cells.push_back(found == rows.end() ? "" : cell(**found));
    }
    table.add(std::move(cells));
  }
  return title + "\n" + table.text() + "\n";
}

// A table for each training of a task: several heads may stand beside each other.
// table(title, rows of one training).
template <class Table>
std::string each_training(const std::string& title, const std::vector<const ResultRow*>& rows,
                          const Table& table) {
  std::string text;
  for (const std::string& training : distinct(rows, training_text)) {
    std::vector<const ResultRow*> own;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(own),
                 [&](const ResultRow* row) { return training_text(*row) == training; });
    text += table(training.empty() ? title : fmt::format("{} ({})", title, training), own);
  }
  return text;
}

std::string auroc_table(std::span<const ResultRow> rows, const std::string& task,
                        const std::string& title) {
  const auto aurocs = select(rows, [&](const ResultRow& row) {
    return row.task == task && row.metric == "auroc" && row.subgroup.empty();
  });
  return each_training(title + ", AUROC", aurocs, [](const std::string& head, const auto& own) {
    return cross_table(
        head, own, [](const ResultRow& row) { return row.label; }, column_name,
        [](const ResultRow& row) {
          return row.label.starts_with("macro") ? interval_text(row) : value_text(row);
        });
  });
}

// Two models on the same studies, a table a way of classification.
std::string comparison_tables(std::span<const ResultRow> rows) {
  const auto all = select(rows, compares_models);
  std::string text;
  for (const std::string& task : distinct(all, [](const ResultRow& row) { return row.task; })) {
    text += cross_table(
        task + ", AUROC less that of " + all.front()->against,
        select(rows,
               [&](const ResultRow& row) { return compares_models(row) && row.task == task; }),
        [](const ResultRow& row) { return row.label; }, column_name,
        [](const ResultRow& row) {
          return interval_text(row) + (row.p ? " " + p_text(row) : std::string());
        });
  }
  return text;
}

// Of heads that tell classes which exclude each other.
std::string accuracy_table(std::span<const ResultRow> rows) {
  const auto all = select(rows, [](const ResultRow& row) {
    return (row.task == "linear" || row.task == "finetune" || row.task == "zero_shot") &&
           row.label == "all";
  });
  return each_training(
      "Classification, all classes", all, [](const std::string& head, const auto& own) {
        return cross_table(
            head, own, [](const ResultRow& row) { return row.metric; }, column_name, interval_text);
      });
}

// Of heads that tell of places: findings by metrics.
std::string places_table(std::span<const ResultRow> rows, const std::string& task,
                         const std::string& title) {
  const auto all = select(rows, [&](const ResultRow& row) { return row.task == task; });
  return each_training(title, all, [](const std::string& head, const auto& own) {
    return cross_table(
        head, own, [](const ResultRow& row) { return row.label + ", " + column_name(row); },
        [](const ResultRow& row) { return row.metric; }, interval_text);
  });
}

std::string retrieval_table(std::span<const ResultRow> rows) {
  const auto all = select(rows, [](const ResultRow& row) {
    return row.task == "retrieval" && row.condition.empty() &&
           ((row.metric.starts_with("recall") && row.against.empty()) ||
            row.metric == "recall_at_10_difference" || row.metric == "median_rank");
  });
  if (all.empty()) return {};
  const std::int64_t pool = all.front()->pool;
  const auto line = [pool](const ResultRow& row) {
    const std::string name = column_name(row) + ", " + row.direction;
    if (row.candidates == "distinct_texts")
      return fmt::format("{}, {} distinct texts", name, row.pool);
    return row.pool == pool ? name : fmt::format("{}, pools of {}", name, row.pool);
  };
  const auto column = [](const ResultRow& row) {
    if (row.metric == "median_rank") return std::string("median rank");
    if (!row.against.empty()) return "R@10 less " + row.against;
    return "R@" + row.metric.substr(std::string_view("recall_at_").size());
  };
  const auto cell = [](const ResultRow& row) {
    return value_text(row, row.metric == "median_rank" ? "{:.1f}" : "{:.3f}");
  };
  return cross_table(fmt::format("Retrieval, pools of {}", pool), all, line, column, cell);
}

// What shows the same matches; pools differ by direction.
std::string class_retrieval_table(std::span<const ResultRow> rows) {
  const auto all = select(rows, [](const ResultRow& row) {
    return row.task == "retrieval" && (row.metric == "precision_at_k" || row.metric == "map");
  });
  const auto line = [](const ResultRow& row) {
    return fmt::format("{}, {}{}{}, among {}", column_name(row), row.direction,
                       row.candidates == "class_prompts" ? ", prompts" : "",
                       row.condition.empty() ? "" : ", " + row.condition, row.pool);
  };
  const auto column = [](const ResultRow& row) {
    return row.k > 0 ? fmt::format("P@{}", row.k) : std::string("mAP");
  };
  return cross_table("Retrieval of the same findings", all, line, column,
                     [](const ResultRow& row) { return value_text(row); });
}

std::string grounding_table(std::span<const ResultRow> rows) {
  const auto macros = select(rows, [](const ResultRow& row) {
    return row.task == "grounding" && row.label.starts_with("macro");
  });
  const auto line = [](const ResultRow& row) {
    return row.views + (row.label == "macro" ? "" : ", small") +
           (row.map.empty() ? ", by chance" : ", " + row.map + " map");
  };
  return cross_table(
      "Phrase grounding, mean over findings (small: up to 15 % of the image)", macros, line,
      [](const ResultRow& row) {
        return row.map.empty() ? std::string("pointing_game") : row.metric;
      },
      [](const ResultRow& row) { return value_text(row); });
}

std::string minimal_pair_table(std::span<const ResultRow> rows) {
  const auto all = select(rows, [](const ResultRow& row) {
    return row.task == "minimal_pairs" && row.condition.empty();
  });
  return cross_table(
      "Minimal pairs, accuracy (chance 0.5)", all, [](const ResultRow& row) { return row.label; },
      column_name, interval_text);
}

// Of the means over findings, the views of each in its own line.
std::string operating_table(std::span<const ResultRow> rows) {
  const auto macros = select(
      rows, [](const ResultRow& row) { return row.task == "calibration" && row.label == "macro"; });
  return cross_table(
      "Calibration and operating points, mean over findings", macros,
      [](const ResultRow& row) {
        return row.condition + ", " + column_name(row) +
               (row.operating_point.empty() ? "" : ", " + row.operating_point);
      },
      [](const ResultRow& row) { return row.metric; },
      [](const ResultRow& row) { return value_text(row); });
}

std::string subgroup_table(std::span<const ResultRow> rows) {
  const auto macros = select(
      rows, [](const ResultRow& row) { return !row.subgroup.empty() && row.label == "macro"; });
  return cross_table(
      "Subgroups, AUROC, mean over findings", macros,
      [](const ResultRow& row) { return row.task + ", " + row.subgroup; }, column_name,
      interval_text);
}

// The main figures of the modules, one a line; empty where a row is not one of them.
std::string module_line(const ResultRow& row) {
  const bool main = row.label.empty() || row.label == "macro" || row.label == "entity" ||
                    (row.label == "all" && row.views == "both");
  if (!main || !row.task.starts_with("modules/")) return {};
  const bool wanted = (row.metric == "auroc" && (row.map == "sum" || row.map == "random" ||
                                                 row.map == "global_attention")) ||
                      (row.metric == "enrichment" && row.map == "sum") ||
                      (row.metric == "pointing_game" && row.map == "attention") ||
                      row.metric == "pointing_chance" || row.metric == "shuffle_gap" ||
                      (row.metric == "word_accuracy" && row.condition == "own/own") ||
                      row.metric == "image_effect" || row.metric == "leak" ||
                      row.metric == "cosine_difference" || row.metric == "win_rate";
  if (!wanted) return {};
  std::string line =
      row.task.substr(std::string_view("modules/").size()) + ", " + row.views + ": " + row.metric;
  if (!row.map.empty()) line += ", " + row.map;
  if (row.label == "entity") line += ", entity words";
  const bool images = !row.condition.empty() && row.against.empty();
  return images ? line + ", " + row.condition : line;
}

std::string modules_table(std::span<const ResultRow> rows) {
  const auto main = select(rows, [](const ResultRow& row) { return !module_line(row).empty(); });
  return cross_table(
      "Do the modules do what they claim", main,
      [](const ResultRow& row) { return module_line(row); },
      [](const ResultRow&) { return std::string("value"); }, interval_text);
}

// Why a mean over findings or a figure of all studies is a "-" above.
std::string undefined_lines(std::span<const ResultRow> rows) {
  std::string text;
  std::set<std::string> lines;
  for (const ResultRow& row : rows) {
    const bool shown = row.label == "macro" || row.label == "all" || row.label.empty();
    if (row.value || row.note.empty() || !shown || !row.subgroup.empty()) continue;
    const std::string less = compares_models(row) ? " less " + row.against : "";
    const std::string line =
        fmt::format("  {}, {}{}: {}\n", row.task, column_name(row), less, row.note);
    if (lines.insert(line).second) text += line;
  }
  return text.empty() ? text : "Without a value\n" + text + "\n";
}

}  // namespace

std::string result_table(std::span<const ResultRow> rows) {
  return auroc_table(rows, "linear", "Linear classification") +
         auroc_table(rows, "finetune", "Fine-tuned classification") + accuracy_table(rows) +
         places_table(rows, "segmentation", "Segmentation") +
         places_table(rows, "detection", "Detection") +
         auroc_table(rows, "zero_shot", "Zero-shot classification") +
         auroc_table(rows, "supervised", "Classification by the label head") +
         comparison_tables(rows) + retrieval_table(rows) + class_retrieval_table(rows) +
         grounding_table(rows) + minimal_pair_table(rows) + operating_table(rows) +
         subgroup_table(rows) + modules_table(rows) + undefined_lines(rows);
}

}  // namespace biplane
