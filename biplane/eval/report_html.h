#pragma once

#include <optional>
#include <string>
#include <string_view>

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

// "pleural_effusion" -> "pleural effusion", escaped.
std::string label_text(const std::string& name);

}  // namespace biplane
