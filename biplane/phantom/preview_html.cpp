#include <array>
#include <cstdio>

#include "biplane/imaging/html.h"
#include "biplane/phantom/preview_study.h"

namespace biplane {
namespace {

std::string swatch(FindingKind kind) {
  const Colour colour = finding_colour(kind);
  std::array<char, 8> code{};
  std::snprintf(code.data(), code.size(), "#%02x%02x%02x", colour.red, colour.green, colour.blue);
  return std::string("<i class=\"key\" style=\"color:") + code.data() + "\"></i>" +
         label_text(finding_name(kind));
}

// A picture with colour only where something is outlined: grey ones are a quarter of the size.
std::string film(const PreviewStudy& study, bool lateral) {
  const RgbImage& drawn = lateral ? study.lateral : study.frontal;
  const std::string name = lateral ? "lateral" : "frontal";
  if (drawn.pixels.empty())
    return "<figure class=\"film missing\"><div>no " + name + "</div></figure>";
  const GreyImage& plain = lateral ? study.made.lateral : study.made.frontal;
  const bool outlined = drawn.pixels != to_rgb(plain).pixels;
  return "<figure class=\"film\">" +
         (outlined ? inline_image(drawn, name) : inline_image(plain, name)) + "</figure>";
}

std::string study_html(const PreviewStudy& study) {
  std::string findings;
  for (const PreviewFinding& finding : findings_of(study.made.study))
    findings +=
        "<li>" + swatch(finding.kind) + " <small class=\"quiet\">" + finding.seen + "</small></li>";
  if (findings.empty()) findings = "<li class=\"quiet\">no finding</li>";
  return "<article class=\"card\"><h3>" + html_escape(preview_title(study.made.study)) +
         "</h3><div class=\"films\">" + film(study, false) + film(study, true) +
         "</div><ul class=\"legend\">" + findings + "</ul><p>" +
         html_escape(study.made.study.report.text) + "</p></article>\n";
}

}  // namespace

std::string phantom_preview_html(const PhantomOptions& options, const PreviewOptions& preview) {
  const std::vector<PreviewStudy> studies = preview_studies(options, preview);
  std::string colours, sheet;
  for (int k = 0; k < kFindingKinds; ++k)
    colours += "<li>" + swatch(static_cast<FindingKind>(k)) + "</li>";
  for (const PreviewStudy& study : studies) sheet += study_html(study);
  const NamedTexts facts = {{"studies", std::to_string(studies.size())},
                            {"split", split_name(studies.front().made.study.split)},
                            {"seed", std::to_string(options.seed)},
                            {"size", std::to_string(options.size) + " pixels"},
                            {"findings", options.co_occurrence}};
  return html_page({"biplane phantom", "Contact sheet", facts},
                   "<section><h2>Findings</h2><p class=\"lead\">Outlined where removing the "
                   "finding changes the image. Beside its name: the views in which an ideal "
                   "observer sees it.</p><ul class=\"legend\">" +
                       colours + "</ul></section>\n<div class=\"sheet\">" + sheet + "</div>\n");
}

}  // namespace biplane
