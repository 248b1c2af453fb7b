#include <nlohmann/json.hpp>

#include "biplane/corpus/manifest.h"

namespace biplane {
namespace {

using nlohmann::ordered_json;

ordered_json views_json(const std::vector<View>& views) {
  ordered_json list = ordered_json::array();
  for (const View& view : views) {
    ordered_json item = {{"path", view.path}, {"view", view_name(view.view)}};
    if (!view.laterality.empty()) item["laterality"] = view.laterality;
    item["rows"] = view.rows;
    item["cols"] = view.cols;
    if (!view.sha256.empty()) item["sha256"] = view.sha256;
    if (view.stored.length > 0) {
      item["stored"] = {{"offset", view.stored.offset},
                        {"length", view.stored.length},
                        {"rows", view.stored.rows},
                        {"cols", view.stored.cols}};
    }
    list.push_back(std::move(item));
  }
  return list;
}

ordered_json boxes_json(const std::vector<Box>& boxes) {
  ordered_json list = ordered_json::array();
  for (const Box& box : boxes) {
    ordered_json item = {{"view", box.view}, {"label", box.label}, {"x", box.x},
                         {"y", box.y},       {"w", box.w},         {"h", box.h}};
    if (!box.reader.empty()) item["reader"] = box.reader;
    if (!box.phrase.empty()) item["phrase"] = box.phrase;
    list.push_back(std::move(item));
  }
  return list;
}

ordered_json masks_json(const std::vector<Mask>& masks) {
  ordered_json list = ordered_json::array();
  for (const Mask& mask : masks) {
    list.push_back({{"view", mask.view},
                    {"label", mask.label},
                    {"rle", mask.rle},
                    {"rows", mask.rows},
                    {"cols", mask.cols}});
  }
  return list;
}

}  // namespace

std::string study_to_json(const Study& study) {
  ordered_json line;
  line["format"] = 1;
  line["study_id"] = study.study_id;
  line["patient_id"] = study.patient_id;
  if (!study.patient_in.empty()) line["patient_in"] = study.patient_in;
  line["patient"]["sex"] = study.sex.empty() ? ordered_json() : ordered_json(study.sex);
  line["patient"]["age"] = study.age ? ordered_json(*study.age) : ordered_json();
  if (study.study_order) line["study_order"] = *study.study_order;
  if (!study.prior_study_id.empty()) line["prior_study_id"] = study.prior_study_id;
  line["split"] = split_name(study.split);
  line["views"] = views_json(study.views);
  line["report"] = {{"findings", study.report.findings},
                    {"impression", study.report.impression},
                    {"other", study.report.other},
                    {"text", study.report.text}};
  if (!study.report.language.empty()) line["report"]["language"] = study.report.language;
  line["labels"] = study.labels;
  line["labels_chexpert"] = study.labels_chexpert;
  if (!study.label_source.empty()) line["label_source"] = study.label_source;
  if (!study.visible_in.empty()) line["visible_in"] = study.visible_in;
  if (!study.doubtful_in.empty()) line["doubtful_in"] = study.doubtful_in;
  if (!study.said.empty()) line["said"] = study.said;
  line["boxes"] = boxes_json(study.boxes);
  line["masks"] = masks_json(study.masks);
  if (study.counterfactual)
    line["counterfactual"] = {{"of", study.counterfactual->of},
                              {"removed", study.counterfactual->removed}};
  line["source"] = {{"file", study.source_file}, {"row", study.source_row}};
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace biplane
