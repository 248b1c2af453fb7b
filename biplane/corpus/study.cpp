#include "biplane/corpus/study.h"

namespace biplane {

const char* view_name(ViewPosition view) {
  switch (view) {
    case ViewPosition::kPA:
      return "PA";
    case ViewPosition::kAP:
      return "AP";
    case ViewPosition::kLateral:
      return "LATERAL";
    case ViewPosition::kUnknown:
      break;
  }
  return "UNKNOWN";
}

const char* split_name(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kValidate:
      return "validate";
    case Split::kTest:
      break;
  }
  return "test";
}

std::optional<ViewPosition> parse_view(const std::string& name) {
  for (const ViewPosition view :
       {ViewPosition::kPA, ViewPosition::kAP, ViewPosition::kLateral, ViewPosition::kUnknown}) {
    if (name == view_name(view)) return view;
  }
  return std::nullopt;
}

std::optional<Split> parse_split(const std::string& name) {
  for (const Split split : {Split::kTrain, Split::kValidate, Split::kTest}) {
    if (name == split_name(split)) return split;
  }
  return std::nullopt;
}

}  // namespace biplane
