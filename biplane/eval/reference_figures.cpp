#include "biplane/eval/reference_figures.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "biplane/core/error.h"
#include "biplane/formats/csv.h"

namespace biplane {
namespace {

constexpr double kLargestPool = 1e9;

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

}  // namespace

std::vector<ReferenceFigure> read_reference_figures(const std::filesystem::path& file) {
  CsvReader csv(file);
  const std::size_t corpus = csv.column("corpus"), split = csv.column("split"),
                    protocol = csv.column("protocol"), metric = csv.column("metric"),
                    fraction = csv.column("fraction"), method = csv.column("method"),
                    value = csv.column("value"), source = csv.column("source");
  const std::optional<std::size_t> pool = csv.find_column("pool");
  std::vector<ReferenceFigure> figures;
  for (CsvRow row; csv.next(row);) {
    const auto fail = [&](const std::string& message) {
      throw Error(ErrorKind::kBadContent,
                  csv.name() + ": row " + std::to_string(row.number) + ": " + message);
    };
    if (!row.problem.empty()) fail(row.problem);
    const auto& f = row.fields;
    const auto percent = number_of(f[value]);
    if (!percent) fail("value '" + f[value] + "' is no number");
    if (*percent < 0 || *percent > 100) fail("value '" + f[value] + "' is no percentage");
    if (f[corpus].empty() || f[protocol].empty() || f[metric].empty())
      fail("corpus, protocol and metric must not be empty");
    if (!f[fraction].empty()) {
      const auto share = number_of(f[fraction]);
      if (!share || *share <= 0 || *share > 100)
        fail("fraction '" + f[fraction] + "' is no percentage of the labels (1, 10, 100)");
    }
    if (f[method].empty() || f[source].empty()) fail("method and source must not be empty");
    figures.push_back({f[corpus], f[split], f[protocol], f[metric], f[fraction], f[method],
                       *percent / 100, f[source]});
    if (!pool || f[*pool].empty()) continue;
    const auto size = number_of(f[*pool]);
    if (!size || *size < 1 || *size > kLargestPool)
      fail("pool '" + f[*pool] + "' is no number of candidates");
    figures.back().pool = static_cast<std::int64_t>(*size);
  }
  return figures;
}

bool is_of_corpus(const ReferenceFigure& figure, const std::string& corpus) {
  return figure.corpus == corpus || figure.corpus.starts_with(corpus + " (");
}

}  // namespace biplane
