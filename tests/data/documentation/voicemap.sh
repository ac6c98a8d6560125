curl -X PUT "http://localhost:7851/api/openai-voicemap" \
-H "Content-Type: application/json" \
-d '{
"alloy": "female_01.wav",
"echo": "female_01.wav",
"fable": "female_01.wav",
"nova": "female_01.wav",
"onyx": "male_01.wav",
"shimmer": "male_02.wav"
}'
