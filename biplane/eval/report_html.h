#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "biplane/imaging/image.h"

namespace biplane {

// Pieces of HTML. Everything that comes from data goes through html_escape.

// Text with & < > " ' replaced; safe in content and in quoted attributes. Invalid UTF-8 and control
// characters become U+FFFD.
std::string html_escape(std::string_view text);

// <img> with the picture inside it as a data URI; empty for an image without pixels. `alt` is
// escaped here.
std::string inline_image(const GreyImage& image, const std::string& alt);  // JPEG
std::string inline_image(const RgbImage& image, const std::string& alt);   // PNG

std::string base64(std::string_view bytes);

// "0.913", "-" where there is none; with a sign: "+0.021".
std::string number_text(const std::optional<double>& value, int decimals = 3, bool sign = false);

// A part of a page. Title and lead are HTML; nothing where there is no content.
std::string html_section(const std::string& id, const std::string& title, const std::string& lead,
                         const std::string& content);

using NamedTexts = std::vector<std::pair<std::string, std::string>>;  // name -> value

// Sums and versions, those that are not empty. Values are escaped here.
std::string html_hashes(const NamedTexts& values);

struct PageHead {
  std::string brand, title;  // escaped here
  NamedTexts facts;          // escaped here
};
// A whole page with the style sheet inside it; nothing is fetched. Throws Error kMissingInput where
// share/report/report.css is missing.
std::string html_page(const PageHead& head, const std::string& content);

// "pleural_effusion" -> "pleural effusion", escaped.
std::string label_text(const std::string& name);

}  // namespace biplane
