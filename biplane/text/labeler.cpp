#include "biplane/text/labeler.h"

#include <algorithm>
#include <optional>

#include "biplane/core/share.h"
#include "biplane/text/label_rules.h"
#include "biplane/text/label_scopes.h"
#include "biplane/text/report.h"

namespace biplane {
namespace {

// Present wins over uncertain, and uncertain over absent.
int rank(int value) { return value == 1 ? 2 : value == -1 ? 1 : 0; }

// Calls use(cleaned paragraph) for findings and impression, else for the last paragraph. No
// statement runs from one paragraph into the next, though its full stop may be missing.
template <class Use>
void each_paragraph(std::string_view report, const Lexicon& lexicon, const Use& use) {
  const ReportSections sections = parse_sections(report, lexicon);
  for (const std::string* section :
       {&sections.findings, &sections.impression, &sections.last_paragraph}) {
    std::string paragraph;
    const auto finish = [&] {
      const std::string cleaned = clean_report(paragraph);
      if (!cleaned.empty()) use(cleaned);
      paragraph.clear();
    };
    for (std::size_t begin = 0; begin < section->size();) {
      const std::size_t end = std::min(section->find('\n', begin), section->size());
      const std::string_view line = std::string_view(*section).substr(begin, end - begin);
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
        finish();
      } else {
        paragraph.append(line) += '\n';
      }
      begin = end + 1;
    }
    finish();
  }
}

LabelMention named_mention(const ScopedMention& scoped, const SentenceWords& words,
                           const LabelRules& rules) {
  LabelMention mention;
  const std::int32_t label = scoped.mention.use.label;
  if (label != rules.nothing) mention.label = rules.labels[static_cast<std::size_t>(label)];
  mention.value = scoped.value;
  mention.phrase = words.join(scoped.mention.begin, scoped.mention.end);
  mention.trigger = words.join(scoped.trigger_begin, scoped.trigger_end);
  return mention;
}

}  // namespace

Labeler::Labeler(std::shared_ptr<const LabelRules> rules, Lexicon lexicon)
    : rules_(std::move(rules)), lexicon_(std::move(lexicon)) {}

Labeler Labeler::read(const std::filesystem::path& file) {
  return {std::make_shared<LabelRules>(read_label_rules(file)), Lexicon::english()};
}

Labeler Labeler::parse(const std::string& yaml, const std::string& source) {
  return {std::make_shared<LabelRules>(parse_label_rules(yaml, source)), Lexicon::english()};
}

Labeler Labeler::named(const std::string& name_or_file) {
  const bool shipped = name_or_file == "chexpert" || name_or_file == "phantom";
  return read(shipped ? share_file("labels/" + name_or_file + ".yaml")
                      : std::filesystem::path(name_or_file));
}

const std::string& Labeler::name() const { return rules_->name; }
std::int64_t Labeler::version() const { return rules_->version; }
const std::string& Labeler::language() const { return rules_->language; }
const std::string& Labeler::sha256() const { return rules_->sha256; }
const std::vector<std::string>& Labeler::labels() const { return rules_->labels; }
bool Labeler::into_chexpert() const { return rules_->into == "labels_chexpert"; }

std::map<std::string, int> Labeler::collect(std::string_view report,
                                            LabelledReport* explanation) const {
  std::vector<std::optional<int>> values(rules_->labels.size());
  bool says_something = false;
  each_paragraph(report, lexicon_, [&](const std::string& text) {
    says_something = true;
    for (const SentenceSpan& span : sentence_spans(text))
      read_sentence(std::string_view(text).substr(span.begin, span.end - span.begin), values,
                    explanation);
  });
  std::map<std::string, int> labels;
  bool nothing = rules_->nothing >= 0 && says_something;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) continue;
    if (*values[i] != 0 && rules_->exempt[i] == 0) nothing = false;
    if (static_cast<std::int32_t>(i) != rules_->nothing) labels[rules_->labels[i]] = *values[i];
  }
  if (nothing) labels[rules_->labels[static_cast<std::size_t>(rules_->nothing)]] = 1;
  return labels;
}

void Labeler::read_sentence(std::string_view sentence, std::vector<std::optional<int>>& values,
                            LabelledReport* explanation) const {
  const SentenceWords words(sentence);
  if (explanation != nullptr) explanation->sentences.emplace_back(sentence);
  for (const ScopedMention& scoped : scoped_mentions(words, *rules_)) {
    std::optional<int>& value = values[static_cast<std::size_t>(scoped.mention.use.label)];
    if (!value || rank(scoped.value) > rank(*value)) value = scoped.value;
    if (explanation == nullptr) continue;
    explanation->mentions.push_back(named_mention(scoped, words, *rules_));
    explanation->mentions.back().sentence = explanation->sentences.size() - 1;
  }
}

std::map<std::string, int> Labeler::label(std::string_view report) const {
  return collect(report, nullptr);
}

LabelledReport Labeler::explain(std::string_view report) const {
  LabelledReport result;
  result.labels = collect(report, &result);
  return result;
}

}  // namespace biplane
