#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/study.h"
#include "biplane/text/report.h"

namespace biplane {

// A report of OpenI, in either form.
struct OpeniReport {
  std::string uid;  // a number, "CXR" is taken off
  ReportSections sections;
  std::vector<std::string> headings;  // MeSH as coded by hand, with their qualifiers
  std::vector<std::string> images;    // names, without folder and ending; the XML form only
};

// A file of ecgen-radiology. Throws Error as read_file and parse_xml do, kBadContent where it is no
// report.
OpeniReport read_openi_xml(const std::filesystem::path& path);

// "12_IM-0444-1001" of every name that an image has: "CXR12_IM-0444-1001", "CXR12_12_IM-0444-1001",
// "12_IM-0444-1001.dcm.png" and with a folder before; another name loses folder and ending.
std::string openi_image_key(const std::string& name);

// What is believed about the views of images: a table of the user's, then the projections of the
// Kaggle form. DICOM headers are not (they call two laterals of three frontal, or nothing), but may
// say of a frontal that it is AP.
class OpeniViews {
 public:
  // Rows of a table with the name of an image (filename, image_id, imageid or image) and its view
  // (projection, view, tsne_view or tsne-view). Throws Error kMissingInput, kBadContent.
  void read_table(const std::filesystem::path& table, FunnelStage& stage);
  // nlmcxr_dicom_metadata.csv.
  void read_headers(const std::filesystem::path& table, FunnelStage& stage);

  // PA, AP, L, LL, RL, Lateral, Frontal in any case. What was said first of an image stays. False
  // where the text is none of these.
  bool add(const std::string& image, const std::string& text);

  // Nothing where no table knows; `image` as any table or report names it.
  std::optional<ViewPosition> of(const std::string& image) const;

 private:
  std::map<std::string, ViewPosition> views_;  // by key
  std::set<std::string> ap_;                   // keys of images whose header says AP
};

}  // namespace biplane
