curl -X POST "http://127.0.0.1:7851/v1/audio/speech" \
-H "Content-Type: application/json" \
-d '{
"model": "any_model_name",
"input": "Hello, this is a test.",
"voice": "nova",
"response_format": "wav",
"speed": 1.0
}'
