#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/eval/figure_rows.h"

namespace biplane {

// A study that a head which tells of places was measured on. Free of LibTorch.
struct HeadStudy {
  std::string study, patient;
  bool paired = false;  // has both views
};

HeadStudy head_study(const StudySummary& study);

// Its part of a line of predictions.jsonl, and back.
nlohmann::ordered_json head_study_json(const HeadStudy& study);
HeadStudy parse_head_study(const nlohmann::ordered_json& json);

// The rows of figure_rows() of the studies with both views and, where there are others, of all
// (population all). `figures`: of these studies.
template <class Study, class Figures>
std::vector<ResultRow> rows_of_populations(const std::vector<Study>& studies, ResultRow base,
                                           const Figures& figures,
                                           const BootstrapOptions& bootstrap, int threads) {
  std::vector<ResultRow> rows;
  std::size_t before = 0;
  for (const bool all : {false, true}) {
    std::vector<const Study*> chosen;
    std::vector<std::string> patients;
    for (const Study& study : studies) {
      if (!all && !study.paired) continue;
      chosen.push_back(&study);
      patients.push_back(study.patient);
    }
    if (chosen.size() == before) continue;  // none, or no others
    before = chosen.size();
    base.population = all ? "all" : "";
    for (ResultRow& row : figure_rows(figures(chosen), patients, base, bootstrap, threads))
      rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace biplane
