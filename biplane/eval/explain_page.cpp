#include "biplane/eval/explain_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "biplane/eval/explain_picture.h"
#include "biplane/eval/report_html.h"

namespace biplane {
namespace {

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string css_colour(Colour colour) {
  return fmt::format("rgb({},{},{})", colour.red, colour.green, colour.blue);
}

std::string patch_title(const PatchSelection& patch, const WeightScale& scale) {
  std::string text = "score " + number_text(patch.score, 2, true);
  if (!patch.kept) return text + ", discarded";
  return text + fmt::format(", kept, weight {:.1f} times an even share, most in slot {} ({:.2f})",
                            scale.even_share > 0 ? patch.weight / scale.even_share : 0, patch.slot,
                            patch.slot_weight);
}

// A transparent grid over the picture that names the figures of the patch under the pointer.
std::string patch_grid(const ViewSelection& view, const WeightScale& scale) {
  std::string svg =
      fmt::format("<svg viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
                  view.grid_columns, view.grid_rows);
  for (std::size_t i = 0; i < view.patches.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    svg += fmt::format(
        "<rect x=\"{}\" y=\"{}\" width=\"1\" height=\"1\"><title>row {}, column {}: "
        "{}</title></rect>",
        place % view.grid_columns, place / view.grid_columns, place / view.grid_columns,
        place % view.grid_columns, patch_title(view.patches[i], scale));
  }
  return svg + "</svg>";
}

std::string films(const SelectionExplanation& explanation, const WeightScale& scale) {
  std::string html = "<div class=\"films patches\">";
  for (const ViewSelection& view : explanation.views) {
    html += fmt::format(
        "<figure class=\"film\"><div>{}{}</div><figcaption><b>{}</b>, {} of {} patches "
        "kept</figcaption></figure>",
        inline_image(selection_overlay(view, scale), view.view + " radiograph with its patches"),
        patch_grid(view, scale), view.view, view.kept, view.patches.size());
  }
  return html + "</div>";
}

std::string plain_films(const SelectionExplanation& explanation) {
  std::string html = "<details><summary>The images alone</summary><div class=\"films patches\">";
  for (const ViewSelection& view : explanation.views)
    html += "<figure class=\"film\">" + inline_image(view.image, view.view + " radiograph") +
            "<figcaption>" + view.view + "</figcaption></figure>";
  return html + "</div></details>";
}

std::string picture_legend(const WeightScale& scale) {
  std::string stops;
  for (const double part : {0.0, 0.05, 0.2, 0.5, 1.0})
    stops += "," + css_colour(tinted_grey(part)) + fmt::format(" {:.0f}%", 100 * part);
  return fmt::format(
      "<p class=\"legend\"><span><i class=\"key hatched\"></i>discarded: merged into one token"
      "</span><span><i class=\"key ramp\" style=\"background:linear-gradient(90deg{})\"></i>"
      "kept: weight from 0 to {:.1f} times an even share</span><span><i class=\"key joined\"></i>a "
      "line "
      "parts neighbours that weigh most in different slots; none: the same slot</span></p>",
      stops, scale.most_shares());
}

std::string view_table(const SelectionExplanation& explanation) {
  std::string html =
      "<div class=\"scroll\"><table><thead><tr><th>view</th><th>grid</th><th>patches n</th>"
      "<th>kept k</th><th>discarded</th><th>slots mostly here</th><th>share of the weight</th>"
      "<th>cosines, lowest</th><th>mean</th><th>highest</th></tr></thead><tbody>";
  std::size_t patches = 0;
  std::int64_t kept = 0, discarded = 0;
  for (const ViewSelection& view : explanation.views) {
    html += fmt::format(
        "<tr><th>{}</th><td>{} &times; {}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        view.view, view.grid_rows, view.grid_columns, view.patches.size(), view.kept,
        view.discarded, view.slots, percent(view.weight), number_text(view.lowest_cosines, 2, true),
        number_text(view.mean_cosines, 2, true), number_text(view.highest_cosines, 2, true));
    patches += view.patches.size();
    kept += view.kept;
    discarded += view.discarded;
  }
  html += fmt::format(
      "<tr class=\"total\"><th>study</th><td></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
      "<td></td><td></td><td></td><td></td></tr>",
      patches, kept, discarded, explanation.slots);
  return html + "</tbody></table></div>";
}

std::string patches_section(const SelectionExplanation& explanation) {
  const WeightScale scale = weight_scale(explanation);
  return html_section(
      "patches", "Which patches the decoder may see",
      fmt::format(
          "Kept patches merge into {} slots, tokens that gather {:.1f} patches each on "
          "average; the discarded ones merge into one more. A patch is kept from a score of "
          "{} up. Point at a patch for its figures.",
          explanation.slots, explanation.slot_support,
          number_text(explanation.lowest_kept, 2, true)),
      picture_legend(scale) + films(explanation, scale) + plain_films(explanation) +
          view_table(explanation));
}

std::string word_html(const SelectionExplanation& explanation, const WordSelection& word) {
  const std::string text =
      html_escape(explanation.report.substr(word.begin, word.end - word.begin));
  if (!word.masked()) return text;
  std::string guess;
  for (const MaskedPiece& piece : word.pieces)
    guess += (guess.empty() ? "" : " ") + piece.predictions.front().token;
  return fmt::format("<mark class=\"w-{}{}\" title=\"{}, read as {}\">{}</mark>",
                     word_class_name(word.word_class), word.found() ? "" : " missed",
                     label_text(word_class_name(word.word_class)), html_escape(guess), text);
}

// Words without a meaning of their own look alike.
WordClass colour_class(WordClass word_class) {
  const bool plain = word_class == WordClass::kPunctuation || word_class == WordClass::kStopWord;
  return plain ? WordClass::kOther : word_class;
}

std::string word_legend(const SelectionExplanation& explanation) {
  std::set<WordClass> classes;
  for (const WordSelection& word : explanation.words)
    if (word.masked()) classes.insert(colour_class(word.word_class));
  if (classes.empty()) return {};
  std::string html = "<p class=\"legend\">";
  for (const WordClass one : classes)
    html += fmt::format("<span><mark class=\"w-{}\">{}</mark></span>", word_class_name(one),
                        label_text(word_class_name(one)));
  return html +
         "<span><mark class=\"w-other missed\">dashed</mark>the decoder reads another word"
         "</span></p>";
}

std::string words_section(const SelectionExplanation& explanation) {
  const std::string& report = explanation.report;
  std::string text;
  std::size_t at = 0;
  for (const WordSelection& word : explanation.words) {
    text += html_escape(report.substr(at, word.begin - at)) + word_html(explanation, word);
    at = word.end;
  }
  const std::string rest = report.substr(at);
  const bool cut = rest.find_first_not_of(" \t\r\n") != std::string::npos;
  if (cut)
    text += "<s title=\"cut off: the model reads no longer reports\">" + html_escape(rest) + "</s>";
  return html_section(
      "words", "Which words are masked",
      fmt::format(
          "{} of {} words are hidden, marked by their class; the decoder sees the plain "
          "ones.{}",
          explanation.masked_words(), explanation.words.size(),
          cut ? " What is struck through lies behind the longest report that the model reads."
              : ""),
      word_legend(explanation) + "<p class=\"report\">" + text + "</p>");
}

std::string piece_row(const std::string& word, const WordSelection& selection,
                      const MaskedPiece& piece) {
  std::string html = fmt::format(
      "<tr><th>{}</th><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}<span "
      "class=\"bar\"><i style=\"width:{:.0f}%\"></i></span></td>",
      word, label_text(word_class_name(selection.word_class)), html_escape(piece.token),
      number_text(piece.probability, 2), 100 * piece.probability);
  for (const TokenProbability& guess : piece.predictions) {
    html += fmt::format("<td class=\"text\"><span class=\"{}\">{}</span> {}</td>",
                        guess.token == piece.token ? "badge good first" : "guess",
                        html_escape(guess.token), number_text(guess.probability, 2));
  }
  return html + "</tr>";
}

std::string predictions_section(const SelectionExplanation& explanation) {
  std::string rows;
  for (const WordSelection& word : explanation.words) {
    std::string name = html_escape(explanation.report.substr(word.begin, word.end - word.begin));
    for (const MaskedPiece& piece : word.pieces) {
      rows += piece_row(name, word, piece);
      name.clear();  // once for all pieces of a word
    }
  }
  if (rows.empty()) return {};
  return html_section(
      "predictions", "What the decoder reads there",
      fmt::format("{} of {} masked words are read rightly. The probability of the true piece, then "
                  "the three likeliest.",
                  explanation.words_found(), explanation.masked_words()),
      "<div class=\"scroll\"><table><thead><tr><th>word</th><th class=\"text\">class</th><th "
      "class=\"text\">piece</th><th>probability</th><th class=\"text\">first</th><th "
      "class=\"text\">second</th><th class=\"text\">third</th></tr></thead><tbody>" +
          rows + "</tbody></table></div>");
}

std::string warning(const SelectionExplanation& explanation) {
  if (explanation.mlm_trained) return {};
  return "<section class=\"warning\"><b>Masked words were not trained.</b> The recipe of this "
         "model "
         "left the masked-word term out. Which patches are kept rests on features that other terms "
         "trained; their weights and what the decoder reads are those of random "
         "numbers.</section>\n";
}

std::string scored_by(const SelectionExplanation& explanation) {
  std::vector<std::string> terms;
  const std::string& self = explanation.self_term;
  if (self == "mean") terms.emplace_back("its cosine with the mean patch of its view");
  if (self == "global") terms.emplace_back("its cosine with the global feature of its view");
  if (self == "attention")
    terms.emplace_back("how much the global feature of its view reads of it, standardised,");
  const std::string words = explanation.text_term == "full" ? "all" : "the visible";
  if (explanation.text_term != "none")
    terms.push_back("its cosine with the mean of " + words + " words" +
                    (self == "attention" ? ", standardised" : ""));
  return fmt::format("{}", fmt::join(terms, " plus "));
}

std::string notes_section(const SelectionExplanation& explanation, const std::string& code) {
  return html_section(
      "notes", "Notes and provenance", "How to read this page.",
      "<ul class=\"notes\"><li>The score of a patch is " + scored_by(explanation) +
          ", standardised within its view. The best " + percent(explanation.rho) +
          " of both views together are kept.</li>"
          "<li>The weight of a patch is the mean of its weights in all slots. An even share is "
          "what each "
          "kept patch would have if all had the same.</li>"
          "<li>The masks are those of the first epoch of a training with this seed.</li>"
          "<li>For research. What a model looks at does not show why it decides.</li></ul>" +
          html_hashes({{"weights", explanation.weights_sha256},
                       {"preprocessing", explanation.preprocess_sha256},
                       {"program", code}}));
}

}  // namespace

std::string render_explanation(const SelectionExplanation& explanation, const std::string& code) {
  std::string views;
  for (const ViewSelection& view : explanation.views)
    views += (views.empty() ? "" : ", ") + view.view;
  const NamedTexts facts{{"Study", explanation.study_id},
                         {"Views", views},
                         {"Slots", std::to_string(explanation.slots)},
                         {"Seed of the masks", std::to_string(explanation.seed)},
                         {"Model trained on", explanation.trained_on}};
  return html_page({"biplane explanation", "Selection for study " + explanation.study_id, facts},
                   warning(explanation) + patches_section(explanation) +
                       words_section(explanation) + predictions_section(explanation) +
                       notes_section(explanation, code));
}

}  // namespace biplane
