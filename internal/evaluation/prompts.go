package evaluation

// prompts are texts to continue, one of each kind that people ask models for. They are short, as small models have
// little room, and written for this program (CC0, as internal/sampletext).
var prompts = []Prompt{
	{Kind: "prose", Text: "The old clock in the hall had stopped at ten past four, and nobody in the house could " +
		"remember who had last wound it. When the new owners moved in, the first thing they did was"},
	{Kind: "dialogue", Text: "User: I would like to learn to cook. Where should I begin?\nAssistant:"},
	{Kind: "explanation", Text: "Question: Why is the sky blue during the day but red in the evening?\nAnswer: When " +
		"sunlight passes through the air,"},
	{Kind: "Go", Text: "// Reverse returns the runes of s in the opposite order.\nfunc Reverse(s string) string {\n"},
	{Kind: "Python", Text: "def is_prime(n):\n    \"\"\"Return True if n is a prime number.\"\"\"\n"},
	{Kind: "JSON", Text: "{\"name\": \"Ada\", \"born\": 1815, \"city\": \"London\"}\n{\"name\": \"Alan\", \"born\": " +
		"1912, \"city\":"},
	{Kind: "table", Text: "| Month | Days |\n|---|---|\n| January | 31 |\n| February | 28 |\n| March |"},
	{Kind: "arithmetic", Text: "7 + 5 = 12\n12 + 9 = 21\n21 + 14 = 35\n35 + 8 ="},
	{Kind: "Chinese", Text: "春天来了，院子里的桃树开满了花。"},
	{Kind: "Japanese", Text: "朝早く起きて、窓を開けると、"},
	{Kind: "Russian", Text: "Зимой дни короткие, и дети возвращаются из школы"},
	{Kind: "Arabic", Text: "في الصباح الباكر خرج الصياد إلى البحر"},
	{Kind: "Hindi", Text: "गाँव के बाहर एक पुराना पेड़ था"},
}
