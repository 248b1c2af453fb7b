#include "biplane/imaging/html.h"

#include <fmt/format.h>

#include <cstdint>

#include "biplane/core/files.h"
#include "biplane/core/share.h"
#include "biplane/imaging/encode.h"

namespace biplane {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr int kJpegQuality = 88;

// Length of the valid UTF-8 sequence at `at`, 0 if there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 && first <= 0xF4  ? 4
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xC2 && first < 0xE0 ? 2
                                                             : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const std::uint8_t second = byte(at + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool outside = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : length;
}

template <class Image>
std::string image_tag(const Image& image, const std::string& type, const std::string& bytes,
                      const std::string& alt) {
  return fmt::format("<img src=\"data:image/{};base64,{}\" width=\"{}\" height=\"{}\" alt=\"{}\">",
                     type, base64(bytes), image.cols, image.rows, html_escape(alt));
}

}  // namespace

std::string html_escape(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text, i);
    const char c = text[i];
    if (length == 0 ||
        (length == 1 && static_cast<std::uint8_t>(c) < 0x20 && c != '\n' && c != '\t') ||
        c == 0x7F) {
      result += kReplacement;
      ++i;
      continue;
    }
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += text.substr(i, length);
    }
    i += length;
  }
  return result;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k)
      word = word << 8 | (i + k < bytes.size() ? static_cast<std::uint8_t>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      result += i + k > bytes.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63U];
  }
  return result;
}

std::string inline_image(const GreyImage& image, const std::string& alt) {
  if (image.pixels.empty()) return {};
  return image_tag(image, "jpeg", encode_jpeg(image, kJpegQuality), alt);
}

std::string inline_image(const RgbImage& image, const std::string& alt) {
  if (image.pixels.empty()) return {};
  return image_tag(image, "png", encode_png(image), alt);
}

std::string label_text(const std::string& name) {
  std::string text = name;
  for (char& c : text) {
    if (c == '_') c = ' ';
  }
  return html_escape(text);
}

std::string html_page(const PageHead& head, const std::string& content) {
  const std::string title = html_escape(head.title);
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>" +
      title + "</title><style>\n" + read_file(share_file("report/report.css")) +
      "</style></head><body>\n";
  html += "<header><p class=\"brand\">" + html_escape(head.brand) + "</p><h1>" + title +
          "</h1><dl class=\"facts\">";
  for (const auto& [name, value] : head.facts) {
    html += "<div><dt>" + html_escape(name) + "</dt><dd>" + html_escape(value) + "</dd></div>";
  }
  return html + "</dl></header>\n<main>\n" + content + "</main></body></html>\n";
}

}  // namespace biplane
