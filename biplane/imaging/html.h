#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "biplane/imaging/image.h"

namespace biplane {

// Pages that stand alone: pictures are inside them, nothing is fetched. Everything that comes from
// data goes through html_escape.

// Text with & < > " ' replaced; safe in content and in quoted attributes. Invalid UTF-8 and control
// characters become U+FFFD.
std::string html_escape(std::string_view text);

// <img> with the picture inside it as a data URI; empty for an image without pixels. `alt` is
// escaped here.
std::string inline_image(const GreyImage& image, const std::string& alt);  // JPEG
std::string inline_image(const RgbImage& image, const std::string& alt);   // PNG

std::string base64(std::string_view bytes);

// "pleural_effusion" -> "pleural effusion", escaped.
std::string label_text(const std::string& name);

using NamedTexts = std::vector<std::pair<std::string, std::string>>;  // name -> value

struct PageHead {
  std::string brand, title;  // escaped here
  NamedTexts facts;          // escaped here
};
// A whole page with the style sheet inside it; nothing is fetched. Throws Error kMissingInput where
// share/report/report.css is missing.
std::string html_page(const PageHead& head, const std::string& content);

}  // namespace biplane
