#include "biplane/tasks/ablation_terms.h"

namespace biplane {
namespace {

// 1 on, -1 off, 0 where the factor that it needs is off.
int sign_of(const AblationFactor& factor, const std::map<std::string, bool>& levels) {
  const auto is_on = [&](const std::string& name) {
    const auto found = levels.find(name);
    return found == levels.end() || found->second;
  };
  if (!factor.needs.empty() && !is_on(factor.needs)) return 0;
  return is_on(factor.name) ? 1 : -1;
}

}  // namespace

double term_sign(const std::vector<AblationFactor>& factors, const FactorTerm& term,
                 const std::map<std::string, bool>& levels) {
  double sign = 1;
  for (const std::size_t factor : term) sign *= sign_of(factors[factor], levels);
  return sign;
}

std::vector<FactorTerm> aliases_of(const std::vector<AblationFactor>& factors,
                                   const std::vector<std::map<std::string, bool>>& levels,
                                   const FactorTerm& term) {
  const auto column = [&](const FactorTerm& one) {
    std::vector<double> values;
    for (const auto& run : levels) values.push_back(term_sign(factors, one, run));
    return values;
  };
  const std::vector<double> own = column(term);
  std::vector<double> opposite = own;
  for (double& value : opposite) value = -value;
  std::vector<FactorTerm> aliases;
  for (std::size_t bits = 0; bits < std::size_t{1} << factors.size(); ++bits) {
    FactorTerm other;
    for (std::size_t i = 0; i < factors.size(); ++i) {
      if ((bits >> i & 1U) != 0) other.push_back(i);
    }
    if (other == term) continue;
    const std::vector<double> values = column(other);
    if (values == own || values == opposite) aliases.push_back(std::move(other));
  }
  return aliases;
}

std::string term_letters(const FactorTerm& term) {
  std::string letters;
  for (const std::size_t factor : term)
    letters += static_cast<char>('A' + static_cast<int>(factor));
  return letters.empty() ? "I" : letters;
}

}  // namespace biplane
